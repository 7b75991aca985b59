-- The fingerprints that a process of this database made known: the same as those in the backup, which replace them.
delete from control.secret;
