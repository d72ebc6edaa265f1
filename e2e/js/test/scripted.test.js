// The life of each SDK that cannot run here, played by a client that fails where the SDK would.
import { after, afterEach, before, describe, it } from 'node:test';
import { logOutAll } from '../sdk/client.js';
import { startServer } from '../server/grandstand.js';
import { CSharp } from '../wire/csharp.js';
import { DotNet, DotNetCore } from '../wire/dotnet.js';
import { begin, STEPS } from '../wire/flow.js';
import { JavaScript2 } from '../wire/js2.js';
import { OldObjectiveC } from '../wire/objc-old.js';
import { ObjectiveC } from '../wire/objc.js';
import { cutAll } from '../wire/scripted.js';
import { Swift } from '../wire/swift.js';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  cutAll();
  await logOutAll();
  await server?.dispose();
});

for (const Family of [ObjectiveC, OldObjectiveC, Swift, CSharp, DotNet, DotNetCore, JavaScript2]) {
  describe(Family.name, () => {
    let scene;
    before(async () => {
      scene = await begin(Family, server);
    });
    afterEach(() => scene.guest?.checkUnbroken());
    for (const [name, step] of Object.entries(STEPS)) it(name, () => step(scene));
  });
}
