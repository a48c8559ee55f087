"""expand_template.py TEMPLATE: prints the CloudFormation that SAM makes of it, the state machine's definition in place.

Runs with the interpreter of .build/tools/sam. Nothing is asked of AWS.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse


class NoPolicies:
    """Every AWS-managed policy that the template means is named by its ARN; none has to be looked up."""

    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    source = Path(sys.argv[1])
    document = yaml_parse(source.read_text())
    # Before the expansion, which writes into the document.
    machines = {
        name: str(resource["Properties"]["DefinitionUri"])
        for name, resource in document["Resources"].items()
        if resource["Type"] == "AWS::Serverless::StateMachine"
    }
    expanded: dict[str, Any] = yaml_parse(
        SamTemplateValidator(document, NoPolicies(), region="us-east-1").get_translated_template_if_valid()
    )
    for name, definition in machines.items():
        made = expanded["Resources"][name]["Properties"]
        for place in ("DefinitionS3Location", "DefinitionString", "Definition"):
            made.pop(place, None)
        made["Definition"] = json.loads((source.parent / definition).read_text())
    sys.stdout.write(json.dumps(expanded, indent=1))


if __name__ == "__main__":
    main()
