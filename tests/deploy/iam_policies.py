"""The policies that a template makes, with names of resources in place of its functions, as IAM would get them."""

from collections.abc import Iterator, Mapping
from typing import Any

from local.resolve import ACCOUNT_ID, REGION, Resolver

# Of each kind of resource: its ARN; what !Ref gives is its ARN too where CloudFormation says so, else its name.
_ARNS = {
    "AWS::ECS::Cluster": "arn:aws:ecs:{region}:{account}:cluster/{name}",
    "AWS::EFS::AccessPoint": "arn:aws:elasticfilesystem:{region}:{account}:access-point/fsap-0123456789abcdef0",
    "AWS::EFS::FileSystem": "arn:aws:elasticfilesystem:{region}:{account}:file-system/fs-0123456789abcdef0",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/01234567-89ab-cdef-0123-456789abcdef",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-a1b2c3",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_REF_IS_ARN = {"AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"}
_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:given-a1b2c3"

Policy = Mapping[str, Any]


def policies_of(document: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Policy]:
    """What each role, managed policy and resource policy of a template is allowed, by ``<logical id>.<policy>``.

    With ``parameters`` for those without a default. Policies that are not made with these are left out. Raises
    TemplateError for what cannot be resolved.
    """
    resources: Mapping[str, Mapping[str, Any]] = document["Resources"]
    missing = {
        name: _SECRET if name.endswith("Arn") else f"{name.lower()}-0123"
        for name, declared in document["Parameters"].items()
        if not declared.get("Default")
    }
    resolver = Resolver(
        document,
        {**missing, **parameters},
        lambda name: _reference(resources, name),
        lambda name, attribute: _attribute(resources, name, attribute),
    )
    return {
        f"{name}.{policy_name}": policy
        for name, resource in resources.items()
        if "Condition" not in resource or resolver.condition(resource["Condition"], name)
        for policy_name, policy in _policies(resource, lambda node, place=name: resolver.resolve(node, place))
    }


def _policies(resource: Mapping[str, Any], resolve: Any) -> Iterator[tuple[str, Policy]]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::IAM::Role":
        for policy in resolve(properties.get("Policies", [])):
            yield policy["PolicyName"], policy["PolicyDocument"]
    for property_name in ("PolicyDocument", "KeyPolicy", "FileSystemPolicy"):
        if property_name in properties:
            yield property_name, resolve(properties[property_name])


def _reference(resources: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    if name not in resources:
        return None
    return _arn(resources[name]["Type"], name) if resources[name]["Type"] in _REF_IS_ARN else name.lower()


def _attribute(resources: Mapping[str, Mapping[str, Any]], name: str, attribute: str) -> str | None:
    if attribute.endswith("SecretArn"):
        return _SECRET
    kind = resources.get(name, {}).get("Type")
    if attribute == "Arn" and kind is not None:
        return _arn(kind, name)
    return f"{name.lower()}.{attribute.lower()}" if kind else None


def _arn(kind: str, name: str) -> str | None:
    pattern = _ARNS.get(kind)
    return pattern.format(region=REGION, account=ACCOUNT_ID, name=name.lower()) if pattern else None
