-- Takes the subjects that have records beyond the cut out of the rebuilt rows too.
delete from history where subject_id in (select subject_id from later_subject);
delete from quarantine where subject_id in (select subject_id from later_subject);
delete from standing where subject_id in (select subject_id from later_subject);
