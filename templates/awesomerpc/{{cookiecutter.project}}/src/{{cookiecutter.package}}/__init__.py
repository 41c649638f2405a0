"""The codec of the protocol {{ cookiecutter.name }}."""

from .codec import {{ cookiecutter.__codec_class }}

__all__ = ["{{ cookiecutter.__codec_class }}"]
