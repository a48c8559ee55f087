"""AWS behind the domain's ports, with plain boto3 clients that give up quickly."""
