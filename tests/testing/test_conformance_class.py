"""The class to inherit from: what its subclasses may do, and what they may not do by accident."""

import re
import unittest

import pytest
from mutants.changes import DropsTheMutation

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk.testing import CodecConformance, Violation, catalogue


def conformance(**attributes: object) -> type[CodecConformance]:
    defaults = {"codec": AwesomeRpcCodec, "effort": "quick"}
    return type("TestToy", (CodecConformance,), {**defaults, **attributes})


def test_a_subclass_has_a_test_for_each_property() -> None:
    tests = [name for name in dir(conformance()) if name.startswith("test_mp_")]
    assert sorted(tests) == sorted(found.test_name for found in catalogue())


def test_two_subclasses_have_functions_of_their_own() -> None:
    """A mark on one would else be a mark on the other, and hypothesis refuses a test that two classes run."""
    one, other = conformance(), conformance()
    assert one.test_mp_stream_001 is not other.test_mp_stream_001
    one().test_mp_stream_001()
    other().test_mp_stream_001()


def test_overriding_a_property_fails_when_the_class_is_defined() -> None:
    with pytest.raises(TypeError, match=re.escape('deviations = {"MP-STREAM-001": "the reason"}')):
        conformance(test_mp_stream_001=lambda self: None)


def test_deleting_a_property_fails() -> None:
    tests = conformance()
    tests().test_every_property_is_tried()
    del tests.test_mp_stream_001
    with pytest.raises(AssertionError, match="MP-STREAM-001 cannot be tried"):
        tests().test_every_property_is_tried()


def test_replacing_a_property_afterwards_fails() -> None:
    tests = conformance()
    tests.test_mp_stream_001 = lambda self: None
    with pytest.raises(AssertionError, match="MP-STREAM-001 cannot be tried"):
        tests().test_every_property_is_tried()


def test_a_mistyped_deviation_fails_when_the_class_is_defined() -> None:
    with pytest.raises(ValueError, match="'MP-STREAM-1' names no property"):
        conformance(deviations={"MP-STREAM-1": "why"})


def test_a_failure_is_explained() -> None:
    with pytest.raises(Violation) as caught:
        conformance(codec=DropsTheMutation)().test_mp_mutation_001()
    assert str(caught.value).startswith("MP-MUTATION-001 A key names a property")
    assert "a regression test to paste" in str(caught.value)


def test_a_deviation_is_skipped_with_its_reason() -> None:
    tests = conformance(codec=DropsTheMutation, deviations={"MP-MUTATION-001": "old peers"})
    with pytest.raises(unittest.SkipTest, match="deviates: old peers"):
        tests().test_mp_mutation_001()


def test_a_property_that_builds_on_a_failed_one_is_skipped() -> None:
    tests = conformance(codec=DropsTheMutation)
    with pytest.raises(Violation):
        tests().test_mp_mutation_001()
    with pytest.raises(unittest.SkipTest, match="MP-MUTATION-001 fails, which this builds on"):
        tests().test_mp_hostile_001()


def test_a_codec_may_be_made_by_a_function() -> None:
    tests = conformance(codec=staticmethod(lambda: AwesomeRpcCodec(limits=None)))
    tests().test_mp_registry_001()


def test_recorded_streams_are_messages_too(tmp_path) -> None:
    (request, *_), (response, *_) = (
        [data for direction, data in AwesomeRpcCodec().examples() if direction == way]
        for way in ("to_server", "to_client")
    )
    (tmp_path / "one.c2s.bin").write_bytes(request + request[:4] + b"\0\0\0\x63" + request[8:])
    (tmp_path / "one.s2c.bin").write_bytes(response)
    subject = conformance(vectors=tmp_path)._subject()
    assert {len(conversation) for conversation in subject.vectors} == {3}
    assert len(subject.samples) == len(list(AwesomeRpcCodec().examples())) + 1


def test_a_folder_without_recorded_streams_is_a_mistake(tmp_path) -> None:
    with pytest.raises(ValueError, match="there are no recorded streams"):
        conformance(vectors=tmp_path)._subject()


def test_a_recorded_stream_that_is_broken_is_a_mistake(tmp_path) -> None:
    (tmp_path / "one.c2s.bin").write_bytes(b"AR\x01")
    with pytest.raises(ValueError, match=r"one\.c2s\.bin is broken: it ends inside a message"):
        conformance(vectors=str(tmp_path / "*"))._subject()
