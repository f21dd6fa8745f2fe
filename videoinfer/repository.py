"""Paths in the repository that this package runs from."""

from pathlib import Path

from videoinfer.errors import CommandError

ROOT = Path(__file__).resolve().parent.parent

SAMPLE_VIDEO = ROOT / "samples" / "rock-paper-scissors.mp4"
SAMPLE_MODEL = ROOT / "engine" / "models" / "rock-paper-scissors-presentation" / "4"

MINISTACK = ROOT / ".venv-aws" / "bin" / "ministack"
SAM = ROOT / ".venv-sam" / "bin" / "sam"
LAMBDA_PYTHON = ROOT / ".venv-lambda" / "bin" / "python"
BUILD_FOLDER = ROOT / ".aws-sam"


def require_repository(command: str, use: str) -> None:
    """Raises `CommandError` if this package is installed without the repository's templates, samples and tools.

    Args:
        use: What the command does with the repository's files, as a verb.
    """
    if not (ROOT / "template.yaml").is_file():
        raise CommandError(
            f"videoinfer {command} runs only from the project's repository: it {use} files there. "
            f"In a clone of it, run `make .venv/ready` once, and then `.venv/bin/videoinfer {command}`."
        )


def require_tool(tool: Path) -> Path:
    """Returns the tool. Raises `CommandError` with the command that installs it if it is missing."""
    if not tool.exists():
        environment = tool.relative_to(ROOT).parts[0]
        raise CommandError(f"{tool.name} is not installed: run `make {environment}/ready` in {ROOT}.")
    return tool
