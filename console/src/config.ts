// What the server tells the page: its app and the room to go to.
export interface Config {
  appId: string;
  appKey: string;
  roomId: string;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch('/demo/config.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()) as Config;
}
