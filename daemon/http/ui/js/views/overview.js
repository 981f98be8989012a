import { card } from "../parts/card.js";
import { chart } from "../parts/chart.js";
import { table } from "../parts/table.js";
import { tiles } from "../parts/tiles.js";
import * as f from "../format.js";

export const title = "Overview";

function cluster(s) {
    const st = s.now, v = n => s.value(`blixard_${n}`);
    if (st.node === undefined) return card("Cluster", "This host is not a member of a cluster.", { wide: true });
    const quorum = v("raft_quorum") === 1;
    return card("Cluster", tiles([
        ["leader", st.leader ? `node ${st.leader}` : "none", st.leader ? "" : "bad"],
        ["quorum", quorum ? "yes" : "no", quorum ? "good" : "bad"],
        ["this node", `${st.node}${st.node === st.leader ? ", leads" : ""}`],
        ["term", f.whole(v("raft_term"))],
        ["nodes up", `${f.whole(v("fleet_nodes_up"))} of ${f.whole(v("fleet_nodes"))}`, v("fleet_nodes_up") < v("fleet_nodes") ? "warn" : ""],
        ["VMs", f.whole(v("fleet_vms"))],
        ["vcpus taken", f.percent(v("fleet_vcpus") ? v("fleet_allocated_vcpus") / v("fleet_vcpus") : 0)],
        ["memory taken", f.percent(v("fleet_memory_bytes") ? v("fleet_allocated_memory_bytes") / v("fleet_memory_bytes") : 0)],
        ["revision", f.whole(v("fleet_revision"))],
    ]), { wide: true });
}

const members = s => card("Members", table("Members", [["node", true], ["role"], ["state"], ["connected"], ["VMs", true]],
    (s.now.members ?? []).map(m => [String(m.id), m.role, m.state ?? "–", m.connected ? "yes" : "no", f.whole(m.vms)])));

const latency = (s, name, heading) => {
    const median = s.quantiles(`blixard_${name}`, 0.5).at(-1);
    return card(heading, chart(s.quantiles(`blixard_${name}`, 0.99), f.time, `p99; half within ${f.time(median)}`));
};

const phases = s => card("VMs by phase", table("VMs by phase", [["phase"], ["VMs", true]],
    Object.entries(s.labelled("blixard_vms")).filter(([, n]) => n > 0).map(([phase, n]) => [phase, f.whole(n)])));

const events = s => card("Recent events", table("Recent events", [["revision", true], ["time, UTC"], ["what"]],
    s.events.map(e => [f.whole(e.revision), f.clock(e.time), e.type])));

export const render = s => [
    cluster(s),
    card("Commands", chart(s.series("blixard_proposal_submitted_total"), f.rate)),
    latency(s, "proposal_latency_seconds", "Latency of commands"),
    latency(s, "commit_latency_seconds", "Commit, on the leader"),
    latency(s, "apply_latency_seconds", "Apply"),
    latency(s, "wal_write_latency_seconds", "Write and sync of the log"),
    card("Waiting commands", chart(s.values("blixard_proposal_pending"), f.count)),
    members(s),
    phases(s),
    events(s),
];
