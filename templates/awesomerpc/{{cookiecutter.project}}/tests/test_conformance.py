"""Everything the conformance kit knows about codecs, tried on this one."""

from {{ cookiecutter.package }} import {{ cookiecutter.__codec_class }}
from metaprotocol_sdk.testing import CodecConformance


class TestConformance(CodecConformance):
    codec = {{ cookiecutter.__codec_class }}
