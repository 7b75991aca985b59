-- Statistics for the comparison's joins: the scratch tables were filled a moment ago.
analyze live_standing, standing, live_history, history;
