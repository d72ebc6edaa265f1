// What a refused operation must look like to an app.
import assert from 'node:assert/strict';
import { withDeadline } from '../support/wait.js';

/** The promise fails with one of these codes, and soon: not by the SDK's own 20-second timer. */
export async function refused(promise, codes, what = `refusal ${codes}`) {
  const outcome = promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  const { error } = await withDeadline(outcome, what, 10_000);
  assert.ok(error, `${what}: it was accepted`);
  assert.ok([codes].flat().includes(error.code), `${what}: ${error.code} ${error.message}`);
  return error;
}
