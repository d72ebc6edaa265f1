// How the page is built for the server, and how it is served while one works on it.
import { defineConfig } from 'vite';

// `npm run dev` shows the page from source against a server that runs elsewhere.
const server = process.env.GRANDSTAND_URL ?? 'http://127.0.0.1:8080';
const proxied = { target: server, changeOrigin: true };

export default defineConfig({
  base: '/demo/',
  build: {
    target: 'es2022',
    // The SDK alone is larger than the size Vite warns about.
    chunkSizeWarningLimit: 1000,
    // The licences of what is bundled go along with it.
    license: { fileName: 'assets/licenses.md' },
  },
  server: {
    proxy: { '/demo/config.json': proxied, '/v1': proxied, '/1.1': proxied },
  },
});
