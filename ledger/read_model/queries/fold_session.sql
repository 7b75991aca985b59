-- Planner settings of a writer's connection: every statement of the fold goes by an index, and a plan made while
-- the tables were empty would keep its hash join and sequential scan for hours (measured: a third of the speed).
select
    set_config('enable_hashjoin', 'off', false),
    set_config('enable_mergejoin', 'off', false),
    set_config('enable_seqscan', 'off', false),
    set_config('jit', 'off', false);
