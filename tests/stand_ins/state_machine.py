"""A state machine in this process: the part of the Amazon States Language that the definitions use.

It runs the real definitions, so job records are written as on AWS. It never waits: a failed task is retried at once.

By AWS's documentation, under https://docs.aws.amazon.com/step-functions/latest/dg/:

- concepts-error-handling.html: Retry and Catch;
- input-output-inputpath-params.html: `ResultSelector`, which flattens an array of arrays with `$[*][*]`;
- state-choice.html: `IsPresent`, besides the comparisons;
- intrinsic-functions.html: `States.Array` and the like;
- input-output-contextobject.html: `$$.Map.Item.Value`, `$$.State.EnteredTime`, `$$.State.RetryCount` and
  `$$.Execution.Id`;
- concepts-standard-vs-express.html: a Standard workflow runs a task once, unless it has a retrier;
- express-at-least-once-execution.html: an Express workflow may run more than once.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

FUNCTION = re.compile(r"\$\{(\w+)FunctionArn\}")
INTRINSIC = re.compile(r"States\.(\w+)\((.*)\)")
TABLE = "jobs"


class ExecutionFailed(Exception):
    """The execution reached a Fail state, or a task raised an error that no Catch takes."""


class StateMachine:
    """Runs the states of a definition.

    Args:
        definition: The state machine in the Amazon States Language.
        invoke: Calls a function, given the name of its folder and its event.
        dynamodb: A boto3 client; None if no state uses DynamoDB.
        publish: Publishes the parameters of `sns:publish`, and returns SNS's answer.
        execution: The ARN of the execution.
        express_runs: How often each Express execution runs; the output is that of the last run.

    Attributes:
        history: The events of states that `run_state` enters and of successful tasks, like GetExecutionHistory's.
        visits: How often `run` entered each state, by name.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        invoke: Callable[[str, Any], Any],
        dynamodb: Any,
        publish: Callable[[Any], Any] | None = None,
        execution: str = "",
        express_runs: int = 1,
    ) -> None:
        self._definition = definition
        self._invoke = invoke
        self._dynamodb = dynamodb
        self._publish = publish
        self._express_runs = express_runs
        self._context = {"$$.Execution.Id": execution}
        self.history: list[dict[str, Any]] = []
        self.visits = Counter[str]()

    def run(self, data: Any) -> Any:
        """Runs an execution from the first state to the last, and returns its output.

        Raises:
            ExecutionFailed: It reached a Fail state.
        """
        return self._run_machine(self._definition, data)

    def run_state(self, name: str, data: Any, machine: Mapping[str, Any] | None = None) -> tuple[Any, str | None]:
        """Runs one state of the definition, or of a machine inside it; returns its output and the next state."""
        self.history.append({"type": "StateEntered", "stateEnteredEventDetails": {"name": name}})
        return self._run_state((machine or self._definition)["States"][name], data)

    def _run_machine(self, machine: Mapping[str, Any], data: Any) -> Any:
        name: str | None = machine["StartAt"]
        while name:
            self.visits[name] += 1
            data, name = self._run_state(machine["States"][name], data)
        return data

    def _run_child(self, machine: Mapping[str, Any], data: Any) -> Any:
        is_express = machine["ProcessorConfig"]["ExecutionType"] == "EXPRESS"
        return [self._run_machine(machine, data) for _ in range(self._express_runs if is_express else 1)][-1]

    def _run_state(self, state: Mapping[str, Any], data: Any) -> tuple[Any, str | None]:
        match state["Type"]:
            case "Succeed":
                return data, None
            case "Fail":
                raise ExecutionFailed(state["Error"] if "Error" in state else _find(state["ErrorPath"], data))
            case "Wait":
                return data, state["Next"]
            case "Choice":
                return data, next((rule["Next"] for rule in state["Choices"] if _holds(rule, data)), state["Default"])
        try:
            result = self._try(state, data)
        except Exception as error:
            if "Catch" not in state:
                raise
            [catch] = state["Catch"]
            caught = {"Error": type(error).__name__, "Cause": str(error)}
            return _place(data, caught, catch["ResultPath"]), catch["Next"]
        if "ResultSelector" in state:
            result = _fill_in(state["ResultSelector"], result)
        output = _place(data, result, state.get("ResultPath", "$"))
        path = state.get("OutputPath", "$")
        return {} if path is None else _find(path, output), state.get("Next")

    def _try(self, state: Mapping[str, Any], data: Any) -> Any:
        further = sum(rule["MaxAttempts"] for rule in state.get("Retry", []) if rule["ErrorEquals"] == ["States.ALL"])
        for number in range(further):
            with suppress(Exception):
                return self._work(state, data, number)
        return self._work(state, data, further)

    def _work(self, state: Mapping[str, Any], data: Any, tries: int) -> Any:
        context = {**self._context, "$$.State.RetryCount": tries}
        result = self._do_work(state, data, context)
        if state["Type"] == "Task":
            self.history.append({"type": "TaskSucceeded"})
        return result

    def _do_work(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
        match state:
            case {"Type": "Pass", "Result": result}:
                return result
            case {"Type": "Pass", "Parameters": parameters}:
                return _fill_in(parameters, data)
            case {"Type": "Pass"}:
                return _find(state["InputPath"], data)
            case {"Type": "Map"}:
                return [
                    self._run_child(state["ItemProcessor"], _fill_in(state["ItemSelector"], data, item))
                    for item in _find(state["ItemsPath"], data)
                ]
            case {"Resource": "arn:aws:states:::dynamodb:updateItem"}:
                return self._dynamodb.update_item(**_fill_in(state["Parameters"], data) | {"TableName": TABLE})
            case {"Resource": "arn:aws:states:::sns:publish"}:
                assert self._publish
                return self._publish(_fill_in(state["Parameters"], data))
        called = FUNCTION.fullmatch(state["Parameters"]["FunctionName"])
        assert called
        function = re.sub(r"\B(?=[A-Z])", "_", called[1]).lower()
        payload = json.loads(json.dumps(_fill_in(state["Parameters"], data, context=context)["Payload"]))
        return {"Payload": json.loads(json.dumps(self._invoke(function, payload)))}


def _holds(rule: Mapping[str, Any], data: Any) -> bool:
    if "IsPresent" in rule:
        return _is_present(rule["Variable"], data) is rule["IsPresent"]
    expected = rule["StringEquals"] if "StringEquals" in rule else rule["BooleanEquals"]
    return bool(_find(rule["Variable"], data) == expected)


def _is_present(path: str, data: Any) -> bool:
    try:
        _find(path, data)
    except (KeyError, IndexError):
        return False
    return True


def _find(path: str, data: Any) -> Any:
    if path == "$[*][*]":
        return [value for values in data for value in values]
    for key in path.split(".")[1:]:
        name, _, index = key.partition("[")
        data = data[name]
        if index:
            data = data[int(index.removesuffix("]"))]
    return data


def _place(data: Any, result: Any, path: str | None) -> Any:
    if path is None:
        return data
    *_, key = path.split(".")
    return result if path == "$" else {**data, key: result}


def _fill_in(template: Any, data: Any, item: Any = None, context: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Copies a template, replacing each `key.$` by `key` with the value of its expression."""
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): _evaluate(value, data, item, context)
        if key.endswith(".$")
        else _fill_in(value, data, item, context)
        for key, value in template.items()
    }


def _evaluate(expression: str, data: Any, item: Any, context: Mapping[str, Any] = MappingProxyType({})) -> Any:
    if expression in context:
        return context[expression]
    if call := INTRINSIC.fullmatch(expression):
        name, arguments = call.groups()
        return _call(name, arguments, data, item)
    if expression.isdigit():
        return int(expression)
    if expression == "$$.Map.Item.Value":
        return item
    if expression == "$$.State.EnteredTime":
        return datetime.now(UTC).isoformat()
    return _find(expression, data)


def _call(function: str, arguments: str, data: Any, item: Any) -> Any:
    """Calls an intrinsic function."""
    match function:
        case "Array":
            return [_evaluate(arguments, data, item)]
        case "ArrayLength":
            return len(_evaluate(arguments, data, item))
        case "StringToJson":
            return json.loads(_evaluate(arguments, data, item))
        case "JsonMerge":
            first, second = arguments.removesuffix(", false").rsplit(", ", 1)
            return {**_evaluate(first, data, item), **_evaluate(second, data, item)}
        case "Format":
            text, _, argument = arguments.partition(", ")
            filled = text.strip("'").replace("{}", str(_evaluate(argument, data, item)))
            return filled.replace(r"\{", "{").replace(r"\}", "}")
    raise NotImplementedError(function)
