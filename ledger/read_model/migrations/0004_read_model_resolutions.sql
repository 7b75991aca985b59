-- Open doubts of a controller, whoever they are about: what an operator lists, and what the fold counts.
create index quarantine_open_by_controller on quarantine (controller_id, reason) where state = 'open';

-- Event ids of admissions that could not be carried out when they were folded: the record could not be read by that
-- version, or was not the one. A later version might read it, so a replay has to be told.
alter table quarantine add column refused_admissions uuid [] not null default '{}';
