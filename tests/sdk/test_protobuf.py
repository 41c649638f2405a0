"""Protocol Buffers, read and rewritten as the `protobuf` package has them."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError as OracleDecodeError
from hypothesis import given
from hypothesis import strategies as st
from protobuf_oracle import REQUEST_PROTOCOL, RPC_META, RequestProtocol, RpcMeta, as_dict, damaged, oracle

from metaprotocol_sdk import DecodeError, EncodeError, LimitExceeded, Limits, UnsupportedMutation
from metaprotocol_sdk.edits import splice
from metaprotocol_sdk.protobuf import Schema, read_fields, read_varint, write_field, write_varint

META = RPC_META.build(
    {
        "request": {"service_name": "example.EchoService", "method_name": "Echo", "log_id": -1},
        "correlation_id": 7,
        "attachment_size": 3,
    }
)


def read(schema: Schema, message: bytes, **options: Any) -> dict[str, Any]:
    return schema.read(message, 0, len(message), **options)


def edited(schema: Schema, message: bytes, changes: dict[str, Any], **options: Any) -> bytes:
    return splice(message, schema.edits(message, 0, len(message), changes, **options))


class TestVarints:
    @given(st.integers(0, 2**64 - 1))
    def test_a_varint_is_read_back(self, value: int) -> None:
        raw = write_varint(value)
        assert read_varint(b"\xff" + raw + b"\xff", 1) == (value, 1 + len(raw))

    @pytest.mark.parametrize(("value", "raw"), [(0, "00"), (127, "7f"), (128, "8001"), (2**64 - 1, "ff" * 9 + "01")])
    def test_it_is_written_as_short_as_can_be(self, value: int, raw: str) -> None:
        assert write_varint(value).hex() == raw

    @pytest.mark.parametrize("value", [-1, 2**64])
    def test_what_does_not_fit_is_the_callers_mistake(self, value: int) -> None:
        with pytest.raises(ValueError, match="a varint holds 0 to"):
            write_varint(value)

    def test_it_may_be_longer_than_needed(self) -> None:
        assert read_varint(bytes.fromhex("85808000"), 0) == (5, 4)

    def test_bits_after_the_64th_are_dropped(self) -> None:
        assert read_varint(b"\xff" * 9 + b"\x7f", 0) == (2**64 - 1, 10)

    def test_eleven_bytes_are_refused(self) -> None:
        with pytest.raises(DecodeError, match="more than 10 bytes") as caught:
            read_varint(b"\x00" + b"\x80" * 10 + b"\x00", 1)
        assert caught.value.offset == 1


class TestFields:
    def test_a_field_is_found_with_its_places(self) -> None:
        message = b"??" + bytes.fromhex("0803 120161 1d01000000 210200000000000000 2b0801 2c") + b"??"
        fields = list(read_fields(message, 2, len(message) - 2))
        assert [(field.number, field.tag & 7, field.value) for field in fields] == [
            (1, 0, 3),
            (2, 2, 0),
            (3, 5, 1),
            (4, 1, 2),
            (5, 3, 0),
        ]
        assert [(field.start, field.value_start, field.end) for field in fields] == [
            (2, 3, 4),
            (4, 6, 7),
            (7, 8, 12),
            (12, 13, 21),
            (21, 22, 25),
        ]

    @pytest.mark.parametrize(
        ("raw", "why", "offset"),
        [
            ("0005", "the number 0", 0),
            ("08018808", "inside a field", 4),
            ("88808080800005", "a tag is at most", 0),
            ("888080801005", "a tag is at most", 0),
            ("0a81808080800041", "a length is at most", 1),
            ("0affffffff0f", "a length is at most", 1),
            ("0affffffff07", "after its message", 0),
            ("0a05414243", "after its message", 0),
            ("0d000000", "after its message", 0),
            ("08" + "ff" * 10 + "00", "more than 10 bytes", 1),
            ("0e", "no wire type 6", 0),
            ("0c", "a group ends that did not begin", 0),
            ("0b14", "cannot stand in this group", 1),
            ("0b0801", "inside a field", 3),
            ("0b" * 101 + "0c" * 101, "more than 100 levels", 101),
        ],
    )
    def test_what_is_not_a_message_is_refused_where_it_goes_wrong(self, raw: str, why: str, offset: int) -> None:
        with pytest.raises(DecodeError, match=why) as caught:
            list(read_fields(message := bytes.fromhex(raw), 0, len(message)))
        assert caught.value.offset == offset

    def test_a_field_ends_before_its_message_does_and_not_only_before_the_bytes_do(self) -> None:
        for raw in ("0a024142", "088001", "0d01000000", "0b08010c"):
            message = bytes.fromhex(raw)
            assert len(list(read_fields(message, 0, len(message)))) == 1
            with pytest.raises(DecodeError, match="after its message"):
                list(read_fields(message, 0, len(message) - 1))

    def test_a_hundred_groups_in_groups_are_skipped(self) -> None:
        [field] = read_fields(b"\x0b" * 100 + b"\x0c" * 100, 0, 200)
        assert (field.number, field.end) == (1, 200)


class TestAgainstProtobuf:
    """The types that it accepts, and the values that it reads."""

    @given(damaged())
    def test_the_same_bytes_are_messages_and_say_the_same(self, raw: bytes) -> None:
        try:
            expected = as_dict(RpcMeta.FromString(raw))
        except OracleDecodeError:
            with pytest.raises(DecodeError):
                read(RPC_META, raw)
            return
        try:
            assert read(RPC_META, raw) == expected
        except DecodeError as error:
            # In a group that it skips the parser in C does not mind, and that in C++ does.
            if error.message != "a field has the number 0":
                raise

    @given(st.dictionaries(st.text(max_size=4), st.binary(max_size=4), max_size=5), st.text(max_size=9))
    def test_what_it_writes_is_read(self, trans_info: dict[str, bytes], callee: str) -> None:
        message = RequestProtocol(callee=callee.encode(), trans_info=trans_info, request_id=2**32 - 1)
        assert read(REQUEST_PROTOCOL, message.SerializeToString()) == as_dict(message)

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            ("int32", [0, 1, -1, 2**31 - 1, -(2**31)]),
            ("int64", [0, 1, -1, 2**63 - 1, -(2**63)]),
            ("uint32", [0, 2**32 - 1]),
            ("uint64", [0, 2**64 - 1]),
            ("sint32", [0, 1, -1, 2**31 - 1, -(2**31)]),
            ("sint64", [0, 1, -1, 2**63 - 1, -(2**63)]),
            ("bool", [True, False]),
            ("fixed32", [0, 2**32 - 1]),
            ("fixed64", [0, 2**64 - 1]),
            ("sfixed32", [0, -1, 2**31 - 1, -(2**31)]),
            ("sfixed64", [0, -1, 2**63 - 1, -(2**63)]),
            ("string", ["", "Zoë"]),
            ("bytes", [b"", b"\xff"]),
            ("map<string, string>", [{"": ""}, {"k": "v" * 200}]),
        ],
    )
    def test_every_type_is_written_and_read_as_it_does(self, kind: str, values: list[Any]) -> None:
        name = "Of" + "".join(filter(str.isalnum, kind)).title()
        cls, schema = oracle(name, {"field": (5, kind)}), Schema({"field": (5, kind)})
        for value in values:
            raw = cls(field=value).SerializeToString(deterministic=True)
            assert schema.build({"field": value}) == raw
            assert read(schema, raw) == {"field": value}

    @given(damaged(), st.integers(0, 2**31 - 1), st.none() | st.sampled_from(["", "Echo"]), st.booleans())
    def test_what_is_changed_it_reads_as_changed_and_nothing_else(
        self, raw: bytes, compress_type: int, method: str | None, no_id: bool
    ) -> None:
        try:
            expected = RpcMeta.FromString(raw)
            read(RPC_META, raw)
        except (DecodeError, OracleDecodeError):
            return
        changes: dict[str, Any] = {"request": {"method_name": method}, "compress_type": compress_type}
        expected.compress_type = compress_type
        if method is not None:
            expected.request.method_name = method.encode()
        else:
            expected.request.ClearField("method_name")
            expected.request.SetInParent()  # it is there, maybe with nothing in it
        if no_id:
            expected.ClearField("correlation_id")
            changes["correlation_id"] = None
        assert RpcMeta.FromString(edited(RPC_META, raw, changes)) == expected

    @given(
        st.dictionaries(st.sampled_from("abc"), st.binary(max_size=3), max_size=3),
        st.dictionaries(st.sampled_from("abcd"), st.none() | st.text(max_size=200), max_size=3),
        st.lists(
            st.sampled_from([b"\x78\x01", b"\x4a\x00", b"\x4a\x03\x0a\x01a", b"\x4a\x05\x12\x01z\x08\x01"]), max_size=3
        ),
    )
    def test_a_map_is_changed_as_it_reads_maps(
        self, trans_info: dict[str, bytes], mutation: dict[str, str | None], odd: list[bytes]
    ) -> None:
        raw = b"".join(odd) + RequestProtocol(trans_info=trans_info).SerializeToString()
        expected = RequestProtocol.FromString(raw)
        for key, value in mutation.items():
            if value is None:
                expected.trans_info.pop(key, None)
            else:
                expected.trans_info[key] = value.encode()
        assert RequestProtocol.FromString(edited(REQUEST_PROTOCOL, raw, {"trans_info": mutation})) == expected


class TestReading:
    def test_a_message_of_brpc_is_read(self) -> None:
        raw = bytes.fromhex("0a19 0a0f6578616d706c652e53657276696365 12044563686f 187b 1800 20e807 2805")
        assert read(RPC_META, raw) == {
            "request": {"service_name": "example.Service", "method_name": "Echo", "log_id": 123},
            "compress_type": 0,
            "correlation_id": 1000,
            "attachment_size": 5,
        }

    def test_only_the_given_bytes_are_read(self) -> None:
        assert RPC_META.read(b"??" + META + b"\xff", 2, 2 + len(META)) == read(RPC_META, META)

    def test_the_last_of_several_scalars_wins_and_messages_are_merged(self) -> None:
        raw = RPC_META.build({"request": {"service_name": "a", "log_id": 1}, "correlation_id": 1})
        raw += RPC_META.build({"request": {"service_name": "b", "method_name": "m"}, "correlation_id": 2})
        assert read(RPC_META, raw) == {
            "request": {"service_name": "b", "log_id": 1, "method_name": "m"},
            "correlation_id": 2,
        }

    def test_a_field_in_another_wire_type_is_unknown(self) -> None:
        """So it cannot hide the name that the server acts on."""
        raw = RPC_META.build({"request": {"service_name": "a"}}) + bytes.fromhex("0a020801")
        assert read(RPC_META, raw) == {"request": {"service_name": "a"}}

    def test_a_message_that_is_there_and_empty_is_told_from_one_that_is_not(self) -> None:
        assert read(RPC_META, bytes.fromhex("1200")) == {"response": {}}

    def test_the_key_or_the_value_of_an_entry_may_be_missing_and_the_last_one_wins(self) -> None:
        entries = ["4a00", "4a030a0161", "4a0612017a0a0162", "4a060a0162120179"]
        assert read(REQUEST_PROTOCOL, bytes.fromhex("".join(entries))) == {"trans_info": {"": "", "a": "", "b": "y"}}

    @pytest.mark.parametrize("limit", ["max_elements", "max_key_length", "max_value_length"])
    def test_maps_are_bounded(self, limit: str) -> None:
        raw = REQUEST_PROTOCOL.build({"trans_info": {"aa": "11", "b": "2", "c": "3"}})
        with pytest.raises(LimitExceeded) as caught:
            read(REQUEST_PROTOCOL, raw, limits=Limits(**{limit: 2 if limit == "max_elements" else 1}))
        assert caught.value.limit == limit

    def test_levels_of_messages_and_groups_count_together(self) -> None:
        groups = b"\x53" * 99 + b"\x54" * 99
        assert read(RPC_META, b"\x0a" + write_varint(len(groups)) + groups) == {"request": {}}
        groups = b"\x53" * 100 + b"\x54" * 100
        with pytest.raises(DecodeError, match="more than 100 levels"):
            read(RPC_META, b"\x0a" + write_varint(len(groups)) + groups)


class TestChanging:
    def test_lengths_around_a_change_follow(self) -> None:
        raw = edited(RPC_META, META, {"request": {"method_name": "M" * 200}})
        assert read(RPC_META, raw)["request"] == {
            "service_name": "example.EchoService",
            "method_name": "M" * 200,
            "log_id": -1,
        }

    def test_the_rest_stays_byte_for_byte(self) -> None:
        raw = bytes.fromhex("f80701 a080800007 8b800008018c8000") + META  # unknown fields, and long tags
        result = edited(RPC_META, raw, {"attachment_size": 1000})
        assert result == raw[:-1] + b"\xe8\x07"

    def test_what_has_its_value_keeps_its_bytes_however_they_are_written(self) -> None:
        raw = bytes.fromhex("20878000 4a868000 0a0161120162")
        assert edited(RPC_META, raw, {"correlation_id": 7, "user_fields": {"a": "b"}}) == raw

    def test_a_new_key_that_is_removed_again_leaves_the_original(self) -> None:
        changed = edited(RPC_META, META, {"user_fields": {"k": "v"}})
        assert read(RPC_META, changed)["user_fields"] == {"k": "v"}
        assert edited(RPC_META, changed, {"user_fields": {"k": None}}) == META

    def test_a_new_field_comes_last_in_its_message_and_a_message_that_is_missing_is_added(self) -> None:
        assert edited(RPC_META, b"\x20\x07", {"response": {"error_code": 5}}).hex() == "200712020805"

    def test_a_change_in_a_message_at_the_end_goes_before_what_is_added_after_it(self) -> None:
        raw = RPC_META.build({"request": {"service_name": "a"}})
        changes = {"user_fields": {"k": "v"}, "compress_type": 1, "request": {"method_name": "m"}}
        assert read(RPC_META, edited(RPC_META, raw, changes)) == {
            "request": {"service_name": "a", "method_name": "m"},
            "user_fields": {"k": "v"},
            "compress_type": 1,
        }

    def test_of_a_message_in_parts_each_keeps_what_does_not_change(self) -> None:
        raw = RPC_META.build({"request": {"service_name": "a", "method_name": "m"}}) + RPC_META.build(
            {"request": {"service_name": "b"}}
        )
        changed = edited(RPC_META, raw, {"request": {"service_name": "longer", "method_name": None}})
        assert changed.hex(" ") == "0a 03 0a 01 61 0a 08 0a 06 6c 6f 6e 67 65 72"

    def test_a_field_is_removed_wherever_it_is(self) -> None:
        assert edited(RPC_META, bytes.fromhex("200118032002"), {"correlation_id": None}).hex() == "1803"

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"compress_type": 2**31}, EncodeError),
            ({"request": {"log_id": 2**63}}, EncodeError),
            ({"request": {"service_name": "\udcff"}}, UnsupportedMutation),
            ({"user_fields": {"\udcff": "v"}}, UnsupportedMutation),
            ({"user_fields": {"k": "\ud800"}}, UnsupportedMutation),
            ({"user_fields": {"k" * 9: "v"}}, UnsupportedMutation),
            ({"user_fields": {"k": "v" * 9}}, UnsupportedMutation),
            ({"user_fields": {"a": "1", "b": "2", "c": "3"}}, UnsupportedMutation),
            ({"no_such_field": 1}, KeyError),
        ],
    )
    def test_what_does_not_fit_is_refused(self, changes: dict[str, Any], error: type[Exception]) -> None:
        with pytest.raises(error):
            edited(RPC_META, META, changes, limits=Limits(max_elements=2, max_key_length=8, max_value_length=8))

    def test_a_map_of_bytes_holds_what_is_not_utf_8(self) -> None:
        raw = edited(REQUEST_PROTOCOL, b"", {"trans_info": {"k": "\udcff"}})
        assert RequestProtocol.FromString(raw).trans_info == {"k": b"\xff"}


class TestSpans:
    def test_they_cover_the_message_and_name_what_is_known(self) -> None:
        raw = META + REQUEST_PROTOCOL.build({"trans_info": {"k": "v"}}) + b"\xf8\x07\x01"
        spans = RPC_META.spans(b"?" + raw, 1, 1 + len(raw), "meta.")
        assert [(span.name, span.value) for span in spans] == [
            ("meta.request", ""),
            ("meta.request.service_name", "example.EchoService"),
            ("meta.request.method_name", "Echo"),
            ("meta.request.log_id", "-1"),
            ("meta.correlation_id", "7"),
            ("meta.attachment_size", "3"),
            ("meta.user_fields.k", "v"),
            ("meta.127", ""),
        ]
        assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]]
        assert (spans[0].start, spans[-1].end) == (1, 1 + len(raw))


class TestSchema:
    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"a": (0, "int32")}, "the number 0"),
            ({"a": (2**29, "int32")}, "the number 536870912"),
            ({"a": (1, "float")}, "the type 'float'"),
            ({"a": (1, "int32"), "b": (1, "string")}, "the same number"),
        ],
    )
    def test_a_schema_that_protobuf_cannot_have_is_refused(self, fields: dict[str, Any], why: str) -> None:
        with pytest.raises(ValueError, match=why):
            Schema(fields)

    def test_a_value_of_none_is_left_out_and_zero_is_written(self) -> None:
        assert RPC_META.build({"compress_type": 0, "correlation_id": None}).hex() == "1800"


def test_a_field_is_written_by_the_kind_of_its_value():
    assert write_field(1, 300).hex() == "08ac02"
    assert write_field(1, -1).hex() == "08ffffffffffffffffff01"
    assert write_field(2, "ë").hex() == "1202c3ab"
    assert write_field(3, write_field(1, 0)).hex() == "1a020800"
