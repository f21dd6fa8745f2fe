"""The names of the outputs that a stack may produce."""

import pytest

from videojobs.outputs.names import parse_outputs


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(ValueError, match="Outputs: 'xml' is not one of parquet"):
        parse_outputs("parquet, xml")
