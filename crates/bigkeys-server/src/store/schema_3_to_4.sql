-- The report as an HTML page, and what a result adds up to.
ALTER TABLE task ADD COLUMN summary TEXT;
ALTER TABLE result ADD COLUMN page TEXT;
ALTER TABLE result ADD COLUMN page_mac TEXT;
