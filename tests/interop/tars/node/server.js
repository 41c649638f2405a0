// A server of @tars/rpc, which prints {"listening": PORT} and then each call.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { server: Server } = require('@tars/rpc');
const Stream = require('@tars/stream');
const { answerEach, freePort, report } = require(path.join(process.env.LINES, 'lines.js'));

class Greeter {
  initialize() {}

  onDispatch(current, called, buffer) {
    const version = current.getRequestVersion();
    const tup = version === 1 ? null : new Stream.UniAttribute();
    report({ called, servant: 'Demo.Greeter.GreeterObj', version, headers: current.getContext().toObject() });
    current.setResponseContext({ host: 'a' });
    if (called !== 'echo' && called !== 'tars_ping') return -3;
    if (called === 'tars_ping') {
      current.doResponse(new Stream.TarsOutputStream().getBinBuffer());
      return 0;
    }
    if (tup) {
      tup.tupVersion = version;
      tup.decode(buffer);
      const text = tup.readString('text');
      const answer = new Stream.UniAttribute();
      answer.tupVersion = version;
      answer.writeString('', text);
      current.doResponse(answer.encode());
      return 0;
    }
    const out = new Stream.TarsOutputStream();
    out.writeString(0, new Stream.TarsInputStream(buffer).readString(1, true));
    current.doResponse(out.getBinBuffer());
    return 0;
  }
}

(async () => {
  const port = await freePort();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tars-'));
  const file = path.join(folder, 'server.conf');
  fs.writeFileSync(file, `<tars>
  <application>
    <server>
      app=Demo
      server=Greeter
      localip=127.0.0.1
      basepath=${folder}/
      datapath=${folder}/
      logpath=${folder}/
      <Demo.Greeter.GreeterObjAdapter>
        allow
        endpoint=tcp -h 127.0.0.1 -p ${port} -t 60000
        handlegroup=Demo.Greeter.GreeterObjAdapter
        maxconns=1000
        protocol=tars
        queuecap=10000
        queuetimeout=60000
        servant=Demo.Greeter.GreeterObj
        threads=1
      </Demo.Greeter.GreeterObjAdapter>
    </server>
    <client>
      modulename=Demo.Greeter
    </client>
  </application>
</tars>
`);
  const server = new Server();
  server.initialize(file, running => {
    running.addServant(Greeter, 'Demo.Greeter.GreeterObj');
  });
  server.start();
  process.on('exit', () => fs.rmSync(folder, { recursive: true }));
  report({ listening: port });
  answerEach(() => null);
})();
