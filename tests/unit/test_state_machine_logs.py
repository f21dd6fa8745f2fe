"""State machines log their errors, but not their data."""

import pytest

from tests.permissions import as_list, walk_statements
from tests.templates import STATE_MACHINES, find_resources

LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
"""The permissions that the role needs; SAM adds none of them.
https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""


@pytest.mark.parametrize(("application", "name"), STATE_MACHINES.values())
def test_a_state_machine_logs_errors_without_its_data(application: str, name: str) -> None:
    logging = find_resources(application, "AWS::Serverless::StateMachine")[name]["Properties"]["Logging"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    [destination] = logging["Destinations"]
    group = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0]
    properties = find_resources(application, "AWS::Logs::LogGroup")[group]["Properties"]
    assert properties["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/${AWS::StackName}")
    assert properties["RetentionInDays"] == {"Ref": "RetentionDays"}
    granted = {action for statement in walk_statements(application, name) for action in as_list(statement["Action"])}
    assert granted >= LOG_DELIVERY
