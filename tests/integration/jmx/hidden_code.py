"""Plans that hide code from a reader: a seeded grammar of payloads and of ways to hide them.

Every payload would make a marker file, so that whoever runs the plan on a real JMeter sees what it did.
"""

import random
from dataclasses import dataclass
from pathlib import Path

_CONDITION = "IfController.condition"


@dataclass(frozen=True, slots=True)
class HiddenCode:
    """A plan, the file that its code would make, and what the grammar chose."""

    content: bytes
    marker: Path
    recipe: str


def hidden_code(seed: int, marker: Path) -> HiddenCode:
    """One plan; the same for the same seed."""
    writer = _Writer(random.Random(seed), marker)
    content = writer.plan()
    return HiddenCode(content.encode(), marker, " ".join(writer.chosen))


class _Writer:
    def __init__(self, dice: random.Random, marker: Path) -> None:
        self._dice = dice
        self._marker = marker
        self.chosen: list[str] = []

    def plan(self) -> str:
        below = self._hidden(self._payload())
        group = self._pick({"ThreadGroup": 8, "SetupThreadGroup": 1, "PostThreadGroup": 1})
        extra = self._group_extra()
        version = self._pick({"1.2": 9, "1.0": 1})
        main = "" if "ThreadGroup.main_controller" in extra else self._loops()
        body = (
            f'<jmeterTestPlan version="{version}" properties="5.0" jmeter="5.6.2"><hashTree>'
            f'<TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="{self._name("P")}" enabled="true">'
            f"{self._variables()}</TestPlan><hashTree>"
            f'<{group} guiclass="ThreadGroupGui" testclass="{group}" testname="G" enabled="true">'
            f"{extra}{main}{_text('ThreadGroup.num_threads', '1')}{_text('ThreadGroup.ramp_time', '0')}"
            f"</{group}><hashTree>{below}{_element('DebugSampler')}</hashTree></hashTree></hashTree></jmeterTestPlan>"
        )
        if self._roll(0.03):
            self.chosen.append("doctype")
            harmless = body.replace(below, "")
            return f"<!DOCTYPE p [<!-- ]>{body}<!-- -->]>{harmless}"
        return body

    def _loops(self) -> str:
        return (
            '<elementProp name="ThreadGroup.main_controller" elementType="LoopController" guiclass="LoopControlPanel" '
            f'testclass="LoopController">{_text("LoopController.loops", "1")}'
            '<boolProp name="LoopController.continue_forever">false</boolProp></elementProp>'
        )

    def _roll(self, chance: float) -> bool:
        return self._dice.random() < chance

    def _pick(self, weights: dict[str, int]) -> str:
        (chosen,) = self._dice.choices(list(weights), list(weights.values()))
        if len(weights) > 1:
            self.chosen.append(chosen)
        return chosen

    # --- payloads -----------------------------------------------------------------------------------------------------

    def _java(self) -> str:
        return f"new java.io.File('{self._marker}').createNewFile()"

    def _payload(self) -> str:
        kind = self._pick({"function": 8, "script": 4, "condition": 3, "process": 1, "value": 2})
        if kind == "script":
            return self._script()
        if kind == "condition":
            return self._condition()
        if kind == "process":
            row = f'<elementProp name="" elementType="Argument">{_text("Argument.value", str(self._marker))}'
            row += f"{_text('Argument.name', '')}</elementProp>"
            rows = f'<collectionProp name="Arguments.arguments">{row}</collectionProp>'
            arguments = f'<elementProp name="SystemSampler.arguments" elementType="Arguments">{rows}</elementProp>'
            return _element("SystemSampler", _text("SystemSampler.command", "touch") + arguments)
        if kind == "value":
            return self._dangerous_value()
        return self._function_somewhere()

    def _script(self) -> str:
        name = self._pick({"BeanShellSampler": 3, "JSR223Sampler": 3, "JSR223PreProcessor": 1, "BeanShellTimer": 1})
        java = self._java().replace("'", '"').replace('"', "&quot;")
        values = _text("scriptLanguage", "groovy") + _text("script", java) + _text("BeanShellSampler.query", java)
        values += _text("cacheKey", "true") + _text("filename", "") + _text("parameters", "")
        packages = {
            "BeanShellSampler": "protocol.java.sampler",
            "JSR223Sampler": "protocol.java.sampler",
            "JSR223PreProcessor": "modifiers",
            "BeanShellTimer": "timers",
        }
        how = self._pick({"tag": 4, "class": 2, "full": 2, "escaped": 1})
        if how == "class":
            return _element("DebugSampler", values, f'class="{name}"')
        if how == "full":
            return _element(f"org.apache.jmeter.{packages[name]}.{name}", values)
        if how == "escaped":
            return _element("GenericController", values, f'resolves-to="{name}"')
        return _element(name, values)

    def _condition(self) -> str:
        condition = _text(_CONDITION, self._java())
        on, off = (f'<boolProp name="IfController.useExpression">{word}</boolProp>' for word in ("true", "false"))
        empty = '<collectionProp name="IfController.useExpression"/>'
        number = "<FloatProperty><name>IfController.useExpression</name><value>0.0</value><savedValue>0.0</savedValue>"
        number += "</FloatProperty>"
        forms = {
            "plain": off,
            "missing": "",
            "twice": on + off,
            "list": on + empty,
            "number": on + number,
            "spaces": '<stringProp name="IfController.useExpression"> true</stringProp>',
            "double": on.replace("boolProp", "doubleProp"),
        }
        form = self._pick(dict.fromkeys(forms, 1))
        inner = _element("DebugSampler")
        return (
            f'<IfController guiclass="IfControllerPanel" testclass="IfController" testname="if" enabled="true">'
            f"{forms[form]}{condition}</IfController><hashTree>{inner}</hashTree>"
        )

    def _dangerous_value(self) -> str:
        call = self._call()
        variable = self._pick({"__evalVar": 1, "__eval": 1})
        escaped = call.replace("${", "\\${")
        arguments = (
            '<Arguments guiclass="ArgumentsPanel" testclass="Arguments" testname="vars" enabled="true"><collectionProp '
            'name="Arguments.arguments"><elementProp name="x" elementType="Argument">'
            f"{_text('Argument.name', 'x')}{_text('Argument.value', escaped)}"
            f"{_text('Argument.metadata', '=')}</elementProp></collectionProp></Arguments><hashTree/>"
        )
        use = "${__evalVar(x)}" if variable == "__evalVar" else "${__eval(${x})}"
        return arguments + _element("DebugSampler", name=use)

    # --- functions ----------------------------------------------------------------------------------------------------

    def _call(self) -> str:
        name = self._pick({"__BeanShell": 4, "__groovy": 4, "__javaScript": 1, "__jexl3": 1, "__notThere": 1})
        java = self._java()
        if name == "__jexl3":
            java = f"''.getClass().forName('java.io.File').getConstructor(''.getClass()).newInstance('{self._marker}')"
        if self._roll(0.35):
            self.chosen.append("backslash")
            at = self._dice.randrange(len(name))
            name = f"{name[:at]}\\{name[at:]}"
        if self._roll(0.15):
            self.chosen.append("blank")
            name = self._dice.choice([" ", "\t", "  "]) + name
        if self._roll(0.1):
            self.chosen.append("tab")
            name += "\t"
        java = java.replace(",", "\\,")
        return f"${{{name}({java})}}"

    def _function_somewhere(self) -> str:
        call = self._call()
        for _ in range(self._dice.choice([0, 0, 1, 2])):
            call = self._wrapped(call)
        if self._roll(0.15) and "${" in call:
            self.chosen.append("comment")
            call = call.replace("__", "_<!-- c -->_", 1)
        elif self._roll(0.15):
            self.chosen.append("cdata")
            call = f"<![CDATA[{call}]]>"
        elif self._roll(0.15):
            self.chosen.append("reference-of-character")
            call = call.replace("$", "&#36;").replace("_", "&#x5f;")
        elif self._roll(0.05):
            self.chosen.append("percent")
            call = call.replace("{", "%7B").replace("(", "%28").replace("$", "%24")
        place = self._pick({"name": 2, "path": 2, "value": 2, "comment": 1, "header": 1, "list": 1})
        if place == "name" and "<" not in call:
            return _element("DebugSampler", name=call)
        if place == "path":
            values = _text("HTTPSampler.domain", "127.0.0.1") + _text("HTTPSampler.port", "1")
            return _element("HTTPSamplerProxy", values + _text("HTTPSampler.path", call), gui="HttpTestSampleGui")
        if place == "header":
            row = f'<elementProp name="" elementType="Header">{_text("Header.name", "a")}{_text("Header.value", call)}'
            rows = f'<collectionProp name="HeaderManager.headers">{row}</elementProp></collectionProp>'
            return _element("HeaderManager", rows, gui="HeaderPanel")
        if place == "list":
            rows = (
                f'<collectionProp name="UserParameters.names"><stringProp name="1">{call}</stringProp></collectionProp>'
            )
            return _element("UserParameters", rows, gui="UserParametersGui")
        return _element("DebugSampler", _text("TestPlan.comments" if place == "comment" else "a", call))

    def _wrapped(self, call: str) -> str:
        form = self._pick({"V": 2, "P": 2, "text": 2, "open": 1, "dollar": 1, "comma": 1, "variable": 1, "escaped": 1})
        return {
            "V": f"${{__V({call})}}",
            "P": f"${{__P(none,{call})}}",
            "text": f"a\\\\{call}\\,b",
            "open": f"${{open {call}",
            "dollar": f"${call}$",
            "comma": f"${{__V($,{{) {call})}}",
            "variable": f"${{v{call}}}",
            "escaped": f"\\{call}",
        }[form]

    # --- hiding places ------------------------------------------------------------------------------------------------

    def _hidden(self, payload: str) -> str:
        place = self._pick({"open": 6, "disabled": 2, "reference": 3, "module": 1, "enabled-again": 1, "attribute": 1})
        if place == "open":
            return payload
        off = '<GenericController guiclass="LogicControllerGui" testclass="GenericController" testname="off" '
        off += f'enabled="false"/><hashTree>{payload}</hashTree>'
        if place == "reference":
            tag = payload[1 : payload.index(" ")]
            return f'{off}<{tag} guiclass="g" testname="r" reference="../hashTree/{tag}"/><hashTree/>'
        if place == "module":
            path = '<collectionProp name="ModuleController.node_path">'
            path += "".join(f'<stringProp name="{name}">{name}</stringProp>' for name in ("Test Plan", "P", "G", "off"))
            return off + _element("ModuleController", path + "</collectionProp>", gui="ModuleControllerGui")
        if place == "enabled-again":
            again = '<stringProp name="TestElement.enabled">true</stringProp></GenericController>'
            return off.replace('enabled="false"/>', f'enabled="false">{again}', 1)
        if place == "attribute":
            return payload.replace('enabled="true"', 'enabled="false" Enabled="true"', 1)
        return off

    def _group_extra(self) -> str:
        if not self._roll(0.12):
            return ""
        self.chosen.append("row")
        kind = self._dice.choice(["IfController", "org.apache.jmeter.control.IfController"])
        return (
            f'<elementProp name="ThreadGroup.main_controller" elementType="{kind}">{_text(_CONDITION, self._java())}'
            "</elementProp>"
        )

    def _name(self, plain: str) -> str:
        if not self._roll(0.05):
            return plain
        self.chosen.append("in the plan's name")
        return self._call().replace("\t", "&#9;")

    def _variables(self) -> str:
        if not self._roll(0.08):
            return ""
        self.chosen.append("in a variable")
        row = f"{_text('Argument.name', 'u')}{_text('Argument.value', self._call())}{_text('Argument.metadata', '=')}"
        return (
            '<elementProp name="TestPlan.user_defined_variables" elementType="Arguments"><collectionProp '
            f'name="Arguments.arguments"><elementProp name="u" elementType="Argument">{row}</elementProp>'
            "</collectionProp></elementProp>"
        )


def _text(name: str, text: str) -> str:
    return f'<stringProp name="{name}">{text}</stringProp>'


def _element(kind: str, values: str = "", attributes: str = "", name: str = "e", gui: str = "TestBeanGUI") -> str:
    head = f'{kind} guiclass="{gui}" testclass="{kind}" testname="{name}" enabled="true" {attributes}'
    return f"<{head}>{values}</{kind}><hashTree/>"
