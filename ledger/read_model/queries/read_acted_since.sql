-- Whether any of these subjects has acted since a moment: the log's own time, acts that people do.
select exists (
    select 1 from history
    where
        controller_id = $1
        and subject_id = any($2::uuid [])
        and stamp_ms > $3
        and event_type in (
            'ConsentGiven', 'ConsentRefused', 'ConsentWithdrawn', 'PreferenceSet', 'ObjectionRaised', 'NoticeServed'
        )
);
