"""Everything the conformance kit knows about codecs, tried on this one."""

{% if cookiecutter._vectors %}
from pathlib import Path

{% endif %}
from metaprotocol_sdk.testing import CodecConformance

from {{ cookiecutter.package }} import {{ cookiecutter.__codec_class }}


class TestConformance(CodecConformance):
    codec = {{ cookiecutter.__codec_class }}
{% if cookiecutter._vectors %}
    vectors = Path(__file__).parent / "vectors"
{% endif %}
{% if cookiecutter._deviations %}
    deviations = {{ "{" }}
        {{ cookiecutter._deviations | join("\n        ") }}
    }
{% endif %}
