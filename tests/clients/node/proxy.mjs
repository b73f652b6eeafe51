// Before Node 24, fetch does not know HTTPS_PROXY: preload this with `node --import ./proxy.mjs`.
import { EnvHttpProxyAgent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new EnvHttpProxyAgent());
