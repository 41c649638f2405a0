# Invariant: any bytes give messages or a ProtocolError, the same however they are cut; all that comes out can be
# forwarded, changed and answered, or the change is refused; nothing hangs, and memory is bounded.
from support import instrumented, main

with instrumented():
    from metaprotocol_codecs.tars import TarsCodec

if __name__ == "__main__":
    from codec_target import CodecTarget

    main(CodecTarget(TarsCodec()))
