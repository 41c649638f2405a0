"""Whatever of a hostile message decodes can be encoded, answered and explained: an error of ours or a value, no more.

What is checked of each message is in `dubbo_hostile.survive`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dubbo_bytes import message, response
from dubbo_hostile import (
    COMPLETE,
    CUT_OFF,
    CYCLES,
    DEEPEST_COMPLETE,
    DEEPEST_CUT_OFF,
    IMPOSSIBLE,
    PLACES,
    SEEDS,
    TYPE_CODES,
    bit_flips,
    byte_flips,
    framed,
    received,
    survive,
    survive_raw,
    truncations,
)
from dubbo_messages import CODEC
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from metaprotocol_sdk import DecodeError, EncodeError, Mutation, UnsupportedMutation

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_sound(name):
    (metadata,) = received(SEEDS[name])
    assert metadata.error is None
    assert survive(SEEDS[name]) == 1


@pytest.mark.parametrize("name", SEEDS)
def test_a_message_whose_body_ends_at_any_byte(name):
    for cut in truncations(SEEDS[name]):
        assert survive(cut) == 1


@pytest.mark.parametrize("name", SEEDS)
def test_a_message_that_is_cut_off_at_any_byte_before_it_is_decoded(name):
    for end in range(len(SEEDS[name])):
        survive_raw(SEEDS[name][:end])


@pytest.mark.parametrize("name", SEEDS)
def test_a_message_with_any_byte_replaced_by_another(name):
    # by all of them where a message is short
    values = TYPE_CODES if name.startswith("request") else range(256)
    assert sum(map(survive, byte_flips(SEEDS[name], values))) > len(values)


@given(st.sampled_from(sorted(SEEDS)), st.data())
@examples(3)
def test_a_message_with_a_piece_replaced_by_anything(name, data):
    seed = SEEDS[name]
    start = data.draw(st.integers(16, len(seed)))
    end = data.draw(st.integers(start, len(seed)))
    body = seed[16:start] + data.draw(st.binary(max_size=8)) + seed[end:]
    assert survive(seed[:12] + len(body).to_bytes(4) + body) == 1


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary(max_size=60))
@examples(3)
def test_a_message_of_any_bytes(flags, status, request_id, body):
    assert survive(message(flags, body, status=status, request_id=request_id)) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", COMPLETE)
def test_deep_nesting_is_read(name, place):
    data = PLACES[place](COMPLETE[name])
    (metadata,) = received(data)
    assert metadata.error is None
    assert survive(data) == 1


@pytest.mark.parametrize("place", ["argument", "attachment"])
@pytest.mark.parametrize("name", DEEPEST_COMPLETE)
def test_the_deepest_nesting_is_read(name, place):
    data = PLACES[place](DEEPEST_COMPLETE[name])
    (metadata,) = received(data)
    assert metadata.error is None
    (after,) = received(CODEC.encode(metadata, Mutation({"k": "v"})))
    assert after.properties == {**metadata.properties, "k": "v"}
    assert CODEC.encode(after, Mutation({"k": None})) == data


@pytest.mark.parametrize("name", DEEPEST_COMPLETE)
def test_the_deepest_attachment_can_be_replaced_and_removed(name):
    deep, flat = (PLACES["attachment"](value) for value in (DEEPEST_COMPLETE[name], b"\x01v"))
    for mutation in ({"a": "w"}, {"a": None}):
        after = CODEC.encode(received(deep)[0], Mutation(mutation))
        assert after == CODEC.encode(received(flat)[0], Mutation(mutation))


def cut_off(data: bytes) -> bytes:
    """Return a message without its last bytes, among them what would end or follow a list up to a mark."""
    body = data[16:].rstrip(b"Z")[:-3]
    return framed(data, body)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", CUT_OFF)
def test_deep_nesting_that_is_cut_off_is_an_error_and_refused(name, place):
    data = cut_off(PLACES[place](CUT_OFF[name]))
    (metadata,) = received(data)
    assert isinstance(metadata.error, DecodeError)
    assert survive(data) == 1


@pytest.mark.parametrize("place", ["argument", "attachment"])
@pytest.mark.parametrize("name", DEEPEST_CUT_OFF)
def test_the_deepest_nesting_that_is_cut_off_is_an_error_and_refused(name, place):
    data = cut_off(PLACES[place](DEEPEST_CUT_OFF[name]))
    (metadata,) = received(data)
    assert isinstance(metadata.error, DecodeError)
    with pytest.raises(UnsupportedMutation):
        CODEC.encode(metadata, Mutation({"k": "v"}))
    assert survive(data) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_is_an_error_and_refused(name, place):
    data = PLACES[place](IMPOSSIBLE[name])
    (metadata,) = received(data)
    assert isinstance(metadata.error, DecodeError)
    with pytest.raises(UnsupportedMutation):
        CODEC.encode(metadata, Mutation({"k": "v"}))
    assert survive(data) == 1


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_attachments_that_cannot_be_are_an_error_and_refused(name):
    data = response(b"\x95" + IMPOSSIBLE[name])
    (metadata,) = received(data)
    assert isinstance(metadata.error, DecodeError)
    assert survive(data) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", CYCLES)
def test_a_cycle_ends(name, place):
    # Outside of an argument, number 0 is another value; that is fine too.
    data = PLACES[place](CYCLES[name])
    (metadata,) = received(data)
    assert metadata.error is None
    assert survive(data) == 1


@pytest.mark.parametrize("name", ["a map in itself", "a map whose key it is"])
def test_attachments_in_themselves_can_be_set_and_removed(name):
    (metadata,) = received(response(b"\x95" + CYCLES[name]))
    (after,) = received(CODEC.encode(metadata, Mutation({"k": "v"})))
    assert after.properties == {**metadata.properties, "k": "v"}
    assert CODEC.encode(after, Mutation({"k": None})) == metadata.message


@pytest.mark.parametrize(
    "reference", [b"Q\x90", b"Q\x91", b"Q\x8f", b"Q\x49\x7f\xff\xff\xff", b"Q", b"QQ\x90", b"Q\x01a"]
)
def test_attachments_that_refer_to_nothing_are_an_error(reference):
    data = response(b"\x95" + reference)
    assert isinstance(received(data)[0].error, DecodeError)
    assert survive(data) == 1


def test_a_key_of_16_mib_is_refused():
    (metadata,) = received(SEEDS["request"])
    for mutation in ({"k" * 2**24: "v"}, {"k": "v" * 2**24}):
        with pytest.raises(EncodeError):
            CODEC.encode(metadata, Mutation(mutation))


def test_all_of_this_holds_where_python_drops_assertions():
    run = subprocess.run(
        [sys.executable, "-O", str(SUPPORT / "dubbo_hostile.py")],
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    debug, messages = run.stdout.split()
    assert debug == "False"
    assert int(messages) > sum(len(list(bit_flips(seed))) for seed in SEEDS.values()) // 2
