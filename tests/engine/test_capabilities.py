"""What an engine says that it can load, from real jars and from jars made here."""

import struct
import zipfile
from pathlib import Path

import pytest
from tandem.adapters.jmx.standard_jmeter import STANDARD_FUNCTIONS
from tandem_engine.capabilities import Capabilities, read_home
from tandem_engine.class_files import classes_of, read_class
from tandem_engine.jmeter_home import JMeter

PLUG_IN_ELEMENTS = {
    "kg.apc.jmeter.threads.UltimateThreadGroup",
    "kg.apc.jmeter.threads.SteppingThreadGroup",
    "com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup",
    "com.blazemeter.jmeter.threads.arrivals.ArrivalsThreadGroup",
    "com.blazemeter.jmeter.RandomCSVDataSetConfig",
    "com.blazemeter.jmeter.control.WeightedSwitchController",
    "kg.apc.jmeter.timers.VariableThroughputTimer",
    "kg.apc.jmeter.samplers.DummySampler",
}
ALIASES = {
    *("TestPlan", "ThreadGroup", "SetupThreadGroup", "PostThreadGroup", "OpenModelThreadGroup", "HTTPSamplerProxy"),
    *("JDBCSampler", "JDBCDataSource", "JMSSampler", "TCPSampler", "FTPSampler", "LDAPSampler", "SmtpSampler"),
    *("JUnitSampler", "BoltSampler", "MongoScriptSampler", "JSR223Sampler", "ConstantTimer", "ResultCollector"),
    *("ResponseAssertion", "RegexExtractor", "CSVDataSet", "Arguments", "HTTPArgument", "BackendListener"),
}


def class_file(name: str, parents: list[str], texts: list[str], *, flags: int = 0x0021) -> bytes:
    """A class file as far as it is read; the first parent is the superclass, the others are interfaces."""
    pool: list[bytes] = [struct.pack(">BQ", 5, 1), b""]  # a long, which takes two places

    def utf8(text: str) -> int:
        pool.append(struct.pack(">BH", 1, len(text.encode())) + text.encode())
        return len(pool)

    def refers(tag: int, text: str) -> int:
        pool.append(struct.pack(">BH", tag, utf8(text)))
        return len(pool)

    this, *above = (refers(7, each.replace(".", "/")) for each in [name, *parents])
    for text in texts:
        refers(8, text)
    head = struct.pack(">IHHH", 0xCAFEBABE, 0, 52, len(pool) + 1) + b"".join(pool)
    return head + struct.pack(f">HHHH{len(above) - 1}H", flags, this, above[0], len(above) - 1, *above[1:])


def write_jar(jar: Path, *classes: bytes) -> None:
    jar.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(jar, "w") as archive:
        for content in classes:
            archive.writestr(f"{read_class(content).name.replace('.', '/')}.class", content)
        archive.writestr("module-info.class", b"\xca\xfe\xba\xbe")
        archive.writestr("README", b"no class")


ELEMENT = "org.apache.jmeter.testelement.TestElement"
FUNCTION = "org.apache.jmeter.functions.Function"


@pytest.fixture
def small_home(tmp_path: Path) -> Path:
    """A JMETER_HOME of a few classes, an alias and a former name."""
    write_jar(
        tmp_path / "lib" / "ext" / "ApacheJMeter_http.jar",
        class_file("a.Base", ["java.lang.Object", ELEMENT], [], flags=0x0421),
        class_file("a.Sampler", ["a.Base"], ["__notAFunction"]),
        class_file("a.SamplerGui", ["javax.swing.JPanel"], []),
        class_file("a.Echo", ["java.lang.Object", FUNCTION], ["__echo", "text to say"]),
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "saveservice.properties").write_text(
        "# aliases\n_version=5.0\nSampler,OldSampler=a.Sampler\nSamplerGui=a.SamplerGui\nGone=a.Gone\n"
    )
    (tmp_path / "bin" / "upgrade.properties").write_text("b.Sampler=a.Sampler\na.Sampler/host=domain\n")
    with zipfile.ZipFile(tmp_path / "bin" / "ApacheJMeter.jar", "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Version: 9.8\r\n")
    return tmp_path


def test_the_jmeter_that_we_ship_loads_its_elements_protocols_plug_ins_and_functions(jmeter_home: Path) -> None:
    installed = read_home(jmeter_home)
    assert set(installed.elements) >= PLUG_IN_ELEMENTS | ALIASES
    assert set(STANDARD_FUNCTIONS) | {"__tstFeedback"} <= set(installed.functions)
    assert {"bolt", "ftp", "http", "jdbc", "jms", "junit", "ldap", "mail", "mongodb", "tcp"} <= set(installed.protocols)
    assert not any(name.endswith("Gui") for name in installed.elements)
    assert [name.rpartition("-")[0].removeprefix("jmeter-plugins-") for name in installed.plug_ins] == [
        *("casutg", "cmn-jmeter", "dummy", "random-csv-data-set", "tst", "wsc")
    ]
    assert (installed.version or "").startswith("5.6")


def test_an_element_is_a_concrete_class_that_descends_from_one_by_any_of_its_names(small_home: Path) -> None:
    installed = read_home(small_home)
    assert installed.elements == ["OldSampler", "Sampler", "a.Sampler", "b.Sampler"]
    assert installed.functions == ["__echo"]
    assert (installed.version, installed.protocols, installed.plug_ins) == ("9.8", ["http"], [])


def test_plug_ins_are_found_wherever_jmeter_looks_for_them(small_home: Path) -> None:
    write_jar(small_home / "lib" / "ext" / "one.jar", class_file("p.One", ["a.Sampler"], []))
    write_jar(small_home / "lib" / "two.jar", class_file("kg.apc.jmeter.Two", ["a.Base"], []))
    write_jar(small_home / "lib" / "library.jar", class_file("org.library.Thing", ["java.lang.Object"], []))
    write_jar(small_home / "more" / "three.jar", class_file("p.Three", ["a.Base"], []))
    (small_home / "bin" / "user.properties").write_text("search_paths=../more\n")
    installed = read_home(small_home)
    assert {"p.One", "kg.apc.jmeter.Two", "p.Three"} <= set(installed.elements)
    assert installed.plug_ins == ["one.jar", "three.jar", "two.jar"]


def test_what_is_no_jar_and_no_class_is_passed_over(small_home: Path) -> None:
    whole = class_file("p.Cut", ["a.Base"], [])
    (small_home / "lib" / "ext" / "no.jar").write_bytes(b"PK no jar")
    with zipfile.ZipFile(small_home / "lib" / "ext" / "cut.jar", "w") as archive:
        for number in range(0, len(whole), 7):
            archive.writestr(f"p/Cut{number}.class", whole[:number])
        archive.writestr("p/Strange.class", b"\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x05\xff\xff")
    assert list(classes_of([small_home / "lib" / "ext" / "cut.jar"])) == []
    assert "Sampler" in read_home(small_home).elements


def test_a_jmeter_behind_a_launcher_script_is_not_known_and_says_so(tmp_path: Path) -> None:
    told = Capabilities(JMeter(None, None, tmp_path / "jmeter", "a launcher")).to_wire()
    assert told["engine"] == "tandem"
    assert {told[name] for name in ("jmeterVersion", "javaVersion", "elements", "functions", "plugins")} == {None}
    assert "capabilities" in told["features"]


def test_a_home_without_jars_is_an_error_and_not_an_engine_that_can_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no jars"):
        Capabilities(JMeter(None, None, None, "empty", tmp_path)).to_wire()
