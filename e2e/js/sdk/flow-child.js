// The guide's flow in a process of its own, for what only a process's start can set (trusted certificates).
import { begin, STEPS } from './room-flow.js';
import * as versions from './versions.js';

const { name, server } = JSON.parse(process.argv[2]);
const scene = await begin(versions[name], server);
for (const [title, step] of Object.entries(STEPS)) {
  await step(scene).catch((error) => {
    throw new Error(`${title}: ${error.message}`, { cause: error });
  });
}
process.exit(0);
