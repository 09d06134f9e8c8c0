// Puts one object by the ordinary S3 client, as a user of the store would.
import { Client } from 'minio';
import type { StoreConfig } from './signed-request.ts';

/** Resolves with the etag. `body` is sent whole, with its length: minio-js buffers what it does not know the length of. */
export async function upload(
  { endpoint, region, accessKey, secretKey }: StoreConfig,
  { bucket, key }: { readonly bucket: string; readonly key: string },
  body: Buffer,
  contentType: string,
): Promise<string> {
  const { hostname, port, protocol } = new URL(endpoint);
  const useSSL = protocol === 'https:';
  const client = new Client({
    endPoint: hostname,
    port: Number(port) || (useSSL ? 443 : 80),
    useSSL,
    accessKey,
    secretKey,
    region,
  });
  const { etag } = await client.putObject(bucket, key, body, body.length, { 'Content-Type': contentType });
  return etag;
}
