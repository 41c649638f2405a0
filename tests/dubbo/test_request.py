"""The body of a request: who is called, and with how many arguments."""

import pytest
from dubbo_bytes import INTERFACE, message, request, string, untyped_map

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import DecodeError, Direction, MessageType

STRING = "Ljava/lang/String;"
GENERIC = f"{STRING}[{STRING}[Ljava/lang/Object;"

NULL = "4e"
EMPTY_OBJECT_ARRAY = "70 07 5b6f626a656374"  # [object
OTHER_ATTACHMENT = {"k": "v"}


def decode(message):
    return DubboCodec().decode(message, Direction.TO_SERVER)


def properties(**parts):
    return decode(request(**parts)).properties


def refusal(data):
    error = decode(data).error
    assert isinstance(error, DecodeError)
    return error


def test_the_five_strings_of_the_body_are_properties():
    assert properties(dubbo="2.0.2", path="a.B", version="1.2", method="m", types="I", arguments=b"\x90") == {
        "dubbo": "2.0.2",
        "interface": "a.B",
        "version": "1.2",
        "method": "m",
        "parameter_types": "I",
    }


def test_the_operation_is_interface_and_method():
    assert decode(request(path="a.B", method="m")).operation == "a.B/m"


def test_null_strings_are_absent():
    metadata = decode(request(dubbo=None, path=None, version=None, method=None, types=None))
    assert (metadata.properties, metadata.operation) == ({}, "/")


def test_empty_strings_are_empty_properties():
    assert properties(dubbo="", path="", version="", method="", types="") == {
        "dubbo": "",
        "interface": "",
        "version": "",
        "method": "",
        "parameter_types": "",
    }


@pytest.mark.parametrize("text", ["grüßen", "世界", "😀", "\ud800", "x" * 40, "ü" * 40, "x" * 1023, "ü" * 1024])
def test_names_are_text_of_any_length_and_script(text):
    metadata = decode(request(path=text, method=text))
    assert metadata.properties["interface"] == metadata.properties["method"] == text
    assert metadata.operation == f"{text}/{text}"


def test_strings_may_come_in_chunks():
    body = b"".join(map(string, ("2.0.2", INTERFACE, "1.0")))
    chunked_method = bytes.fromhex("52 0003 68656c 02 6c6f")  # "hel" and "lo"
    metadata = decode(message(0xC2, body + chunked_method + string("") + untyped_map({})))
    assert metadata.properties["method"] == "hello"


def test_the_echo_of_a_health_check_is_a_method_as_any_other():
    assert decode(request(method="$echo", types="Ljava/lang/Object;", arguments=b"N")).operation == f"{INTERFACE}/$echo"


@pytest.mark.parametrize(
    ("types", "arguments"),
    [
        ("", ""),
        ("Z", "54"),
        ("VZBCDFIJS", "4e 54 90 01 61 5b 5b 90 e0 90"),
        (STRING, "02 6869"),
        (STRING * 3, "00 4e 01 61"),
        ("[B", "22 0102"),
        ("[[I", "79 79 90"),
        ("[[[Ljava/util/Map$Entry;I", "4e 91"),
        ("ILjava/lang/String;[Ljava/lang/Object;J", "90 4e 78 e0"),
    ],
)
def test_one_value_is_skipped_for_each_parameter(types, arguments):
    found = properties(types=types, arguments=bytes.fromhex(arguments), attachments=OTHER_ATTACHMENT)
    assert (found["parameter_types"], found["k"]) == (types, "v")


@pytest.mark.parametrize(
    "types", ["X", "L", "L;", "Ljava/lang/String", "[", "I[", "I;", " I", "java.lang.String", "[" * 5000]
)
def test_parameter_types_that_are_no_descriptors_are_refused(types):
    """Guessing the number of arguments would let a client choose what a mesh takes for the attachments."""
    metadata = decode(request(types=types, arguments=b"N"))
    assert metadata.error.field == "parameter_types"
    assert metadata.message_type is MessageType.REQUEST


def test_fewer_arguments_than_parameters_are_refused():
    assert refusal(request(types="II", arguments=b"\x90")).field == "attachments"


@pytest.mark.parametrize("method", ["$invoke", "$invokeAsync"])
def test_a_generic_call_tells_the_method_it_means(method):
    arguments = string("realMethod") + bytes.fromhex(EMPTY_OBJECT_ARRAY) * 2
    assert properties(method=method, types=GENERIC, arguments=arguments)["generic_method"] == "realMethod"


@pytest.mark.parametrize(
    "parts",
    [
        {"method": "$invoke", "types": ""},
        {"method": "$invoke", "types": STRING, "arguments": bytes.fromhex(NULL)},
        {"method": "$invoke", "types": "[I", "arguments": b"\x78"},
        {"method": "$invokeX", "types": STRING, "arguments": string("no")},
        {"method": "hello", "types": STRING, "arguments": string("no")},
    ],
    ids=["no arguments", "null", "no string", "another method", "an ordinary method"],
)
def test_only_a_generic_call_with_a_string_has_a_generic_method(parts):
    assert "generic_method" not in properties(**parts)


def test_bytes_behind_the_attachments_are_ignored():
    found = properties(attachments=OTHER_ATTACHMENT, trailing=bytes.fromhex("ff 00 5a 4e"))
    assert found["k"] == "v"


def test_a_request_without_attachments_is_refused_where_they_were_expected():
    metadata = decode(request(attachments=b"", request_id=77))
    assert metadata.error.offset == len(request(attachments=b""))
    assert (metadata.request_id, metadata.expects_reply) == (77, True)


def test_a_body_that_begins_with_something_else_is_refused_at_its_first_byte():
    error = refusal(message(0xC2, bytes.fromhex("78 00")))
    assert error.offset == 16


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("91", "1"),
        ("c0 00", "-2048"),
        ("d4 0800", "2048"),
        ("49 7fffffff", "2147483647"),
        ("e0", "0"),
        ("f7 ff", "-1"),
        ("38 0000", "-262144"),
        ("59 80000000", "-2147483648"),
        ("4c 7fffffffffffffff", "9223372036854775807"),
        ("54", "true"),
        ("46", "false"),
        ("5b", "0.0"),
        ("5c", "1.0"),
        ("5d 80", "-128"),
        ("5e 0100", "256"),
    ],
)
def test_a_number_or_a_boolean_is_read_as_java_reads_it_where_a_string_belongs(value, text):
    body = string("2.0.2") + string("a.B") + bytes.fromhex(value) + string("m") + string("") + b"HZ"
    assert decode(message(0xC2, body)).properties["version"] == text


@pytest.mark.parametrize(
    "value", ["5f 0000000a", "44 3fb999999999999a", "78", "48 5a", "21 61", "4b 00000000", "51 90"]
)
def test_what_java_reads_as_no_string_or_one_that_depends_on_its_version_is_refused(value):
    body = string("2.0.2") + string("a.B") + bytes.fromhex(value) + string("m") + string("") + b"HZ"
    assert refusal(message(0xC2, body)).offset == 26


@pytest.mark.parametrize("malformed", ["01 c1b0", "01 c328", "01 e081b0", "01 e28228"])
def test_a_name_that_is_not_utf_8_is_refused(malformed):
    """Java does not look at continuation bytes, so it reads c1 b0 as "p"; other readers do not."""
    body = string("2.0.2") + bytes.fromhex(malformed) + string("1.0") + string("m") + string("") + b"HZ"
    assert "not UTF-8" in str(refusal(message(0xC2, body)))
