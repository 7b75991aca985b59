-- Every subject that is one person with those of $2, by any number of links, those of $2 included.
with recursive member as (
    select unnest($2::uuid []) as subject_id
    union
    select linked.subject_id
    from member
    cross join lateral (
        select l.other_subject_id as subject_id
        from vault.subject_link l
        where l.controller_id = $1 and l.subject_id = member.subject_id
        union all
        select l.subject_id
        from vault.subject_link l
        where l.controller_id = $1 and l.other_subject_id = member.subject_id
    ) linked
)
select subject_id from member order by subject_id;
