"""Hessian 2.0, the serialization that Dubbo speaks by default, as far as a mesh needs it.

Source: the Hessian 2.0 specification, and where writers differ from it, what Apache hessian-lite 3 and 4, Caucho's
Hessian 4, hessian.js and dubbo-go really send.
"""

from metaprotocol_codecs.dubbo.hessian2.skip import Tables, read_class_name, read_type_end, skip_values
from metaprotocol_codecs.dubbo.hessian2.strings import read_string, read_strings

__all__ = ["Tables", "read_class_name", "read_string", "read_strings", "read_type_end", "skip_values"]
