"""Reference codecs. `metaprotocol_sdk.load_codec` finds each by its name; importing this package imports none."""
