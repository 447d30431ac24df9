"""The generated code is that of the schema, and the schema still is what old clients know."""

from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from proto import generate
from proto import orderbook_pb2 as pb


def test_the_committed_code_is_what_the_schema_generates(tmp_path: Path) -> None:
    """`make proto` brings them together again."""
    generate.generate(tmp_path)
    for made in (tmp_path / "proto").iterdir():
        assert made.read_text() == (generate.HERE / made.name).read_text(), made.name


def test_the_old_contract_has_its_numbers_and_types() -> None:
    """Fields that clients of older aggregators rely on; none may ever change."""
    double, text, unsigned = FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_UINT64
    message = FieldDescriptor.TYPE_MESSAGE
    contract: dict[type[Message], dict[str, tuple[int, int]]] = {
        pb.Summary: {
            "spread": (1, double),
            "bids": (2, message),
            "asks": (3, message),
            "arrival_time": (40, unsigned),
        },
        pb.Level: {"exchange": (1, text), "price": (2, double), "amount": (3, double)},
        pb.SummaryRequest: {"symbol": (1, text)},
        pb.Empty: {},
    }
    for kind, fields in contract.items():
        known = {field.name: (field.number, field.type) for field in kind.DESCRIPTOR.fields}
        assert fields.items() <= known.items()
    assert pb.DESCRIPTOR.package == "orderbook"
    methods = pb.DESCRIPTOR.services_by_name["OrderbookAggregator"].methods
    assert [(each.name, each.input_type.name, each.output_type.name) for each in methods] == [
        ("BookSummary", "Empty", "Summary"),
        ("BookSummaryForSymbol", "SummaryRequest", "Summary"),
    ]
    assert all(each.server_streaming and not each.client_streaming for each in methods)
