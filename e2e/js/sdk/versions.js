// The releases of leancloud-realtime under test, and how each is pointed at a server.
import { createRequire } from 'node:module';
import v3 from 'realtime-v3';
import v4 from 'realtime-v4';
import v5 from 'realtime-v5';

const require = createRequire(import.meta.url);

/** 5.x admits one Realtime per app and page, so each simulated device gets a copy of its own. */
function freshV5() {
  const file = require.resolve('realtime-v5');
  delete require.cache[file];
  return require(file);
}

/**
 * 4.x puts `https://` before its `server` option, so over plain HTTP it gets the socket's address by
 * `RTMServers`; the other two keep it from asking any other host.
 */
function optionsV4(server) {
  return { server: { RTMRouter: server.host, api: server.host }, RTMServers: server.wsUrl };
}

function optionsV4OverTls(server) {
  return { server: server.host };
}

function optionsV5(server) {
  return { server: server.url };
}

/** 3.x has no option for its server: apps overwrite the static functions that fetch routes. */
function routedV3(server) {
  return class extends v3.Realtime {
    static _fetchPushRouter() {
      return Promise.resolve(server.host);
    }
  };
}

/** The second function always asks by https, so over plain HTTP it is overwritten as well. */
function routedV3Plain(server) {
  return class extends routedV3(server) {
    static async _fetchEndpointsInfo({ appId, ssl }) {
      const query = new URLSearchParams({ appId, secure: ssl, _t: Date.now() });
      const answer = await fetch(`http://${await this._fetchPushRouter()}/v1/route?${query}`);
      return answer.json();
    }
  };
}

function release(name, module, noBinary, options, { load = () => module, Realtime = (own) => own.Realtime } = {}) {
  // 3.x knows neither the push of updated rooms nor directions of history.
  const modern = module !== v3;
  return { name, module, noBinary, options, load, Realtime, modern };
}

const noOptions = () => ({});
const own = { load: freshV5 };
const plain = { Realtime: (_, server) => routedV3Plain(server) };
const routed = { Realtime: (_, server) => routedV3(server) };

export const V4 = release('4.3.1, binary', v4, false, optionsV4);
export const V4_TEXT = release('4.3.1, Base64', v4, true, optionsV4);
export const V4_TLS = release('4.3.1, binary, TLS', v4, false, optionsV4OverTls);
export const V4_TLS_TEXT = release('4.3.1, Base64, TLS', v4, true, optionsV4OverTls);
export const V5 = release('5.0.0-rc.8, binary', v5, false, optionsV5, own);
export const V5_TEXT = release('5.0.0-rc.8, Base64', v5, true, optionsV5, own);
export const V3 = release('3.5.7, binary', v3, false, noOptions, plain);
export const V3_TEXT = release('3.5.7, Base64', v3, true, noOptions, plain);
export const V3_TLS = release('3.5.7, binary, TLS', v3, false, noOptions, routed);

/** Current releases, both formats. */
export const CURRENT = [V4, V4_TEXT, V5, V5_TEXT];
