"""Writes the Python code of orderbook.proto beside it: `python -m proto.generate` (or `make proto`)."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def generate(out: Path) -> None:
    """Runs protoc, with the message stubs, into `out`/proto/; raises RuntimeError when protoc refuses the schema."""
    import grpc_tools
    from grpc_tools import protoc

    include = Path(grpc_tools.__file__).parent / "_proto"
    code = protoc.main(
        [
            "protoc",
            f"-I{ROOT}",
            f"-I{include}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            str(HERE / "orderbook.proto"),
        ]
    )
    if code != 0:
        raise RuntimeError(f"protoc ended with code {code}: see its message above")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    generate(target)
