// The releases of leancloud-realtime under test, and how each is pointed at a server.
import v3 from 'realtime-v3';
import v4 from 'realtime-v4';
import v5 from 'realtime-v5';

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

function sdk(name, module, noBinary, options, Realtime = () => module.Realtime) {
  return { name, module, noBinary, options, Realtime };
}

export const V4 = sdk('4.3.1, binary', v4, false, optionsV4);
export const V4_TEXT = sdk('4.3.1, Base64', v4, true, optionsV4);
export const V4_TLS = sdk('4.3.1, binary, TLS', v4, false, optionsV4OverTls);
export const V4_TLS_TEXT = sdk('4.3.1, Base64, TLS', v4, true, optionsV4OverTls);
export const V5 = sdk('5.0.0-rc.8, binary', v5, false, optionsV5);
export const V5_TEXT = sdk('5.0.0-rc.8, Base64', v5, true, optionsV5);
export const V3 = sdk('3.5.7, binary', v3, false, () => ({}), routedV3Plain);
export const V3_TEXT = sdk('3.5.7, Base64', v3, true, () => ({}), routedV3Plain);
export const V3_TLS = sdk('3.5.7, binary, TLS', v3, false, () => ({}), routedV3);

/** Current releases, both formats. */
export const CURRENT = [V4, V4_TEXT, V5, V5_TEXT];
