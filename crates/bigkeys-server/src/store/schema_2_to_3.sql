-- Origin of tasks, the backups that were named for them, and signatures of results.
ALTER TABLE task ADD COLUMN backup TEXT;
ALTER TABLE task ADD COLUMN caller TEXT;
ALTER TABLE task ADD COLUMN peer TEXT;
ALTER TABLE task ADD COLUMN request_id TEXT;
ALTER TABLE shard ADD COLUMN mac TEXT;
ALTER TABLE shard ADD COLUMN backup TEXT;
ALTER TABLE result ADD COLUMN body_mac TEXT;
ALTER TABLE result ADD COLUMN report_mac TEXT;
