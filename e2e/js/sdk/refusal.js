// What a refused operation must look like to an app.
import assert from 'node:assert/strict';
import { withDeadline } from '../support/wait.js';

/** The promise fails with this code, and soon: not by the SDK's own 20-second timer. */
export async function refused(promise, code, what = `refusal ${code}`) {
  const outcome = promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  const { error } = await withDeadline(outcome, what, 10_000);
  assert.ok(error, `${what}: it was accepted`);
  assert.equal(error.code, code, `${what}: ${error.code} ${error.message}`);
  return error;
}
