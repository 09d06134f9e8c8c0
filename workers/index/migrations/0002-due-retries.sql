-- Refusals with a retry time, longest due first: asked every minute, and few among many rows.
CREATE INDEX objects_due ON millrace.objects (store, refusal_retry_at, bucket, key) WHERE refusal_retry_at IS NOT NULL;
