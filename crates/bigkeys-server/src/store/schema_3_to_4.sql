-- The report as an HTML page, and the sums over a result.
ALTER TABLE task ADD COLUMN summary TEXT;
ALTER TABLE result ADD COLUMN page TEXT;
ALTER TABLE result ADD COLUMN page_mac TEXT;
