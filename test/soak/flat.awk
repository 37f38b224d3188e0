# Compares the worst of the first quarter of the samples with the best of the last one;
# run and test/unload say which figures there are; -v rss_kb=N, -v mappings=N and
# -v objects=N allow for more than what is said there.
NR == 1 { for (i = 2; i <= NF; i++) name[i] = $i; n = NF; next }
{ for (i = 2; i <= n; i++) v[NR - 1, i] = $i; rows = NR - 1 }
END {
	if (rows < 4) { print "too few samples"; exit 1 }
	# The runtime keeps the descriptors of goroutines and threads, and what belongs to
	# them, for the next ones: on a busy machine there is one more at some time, which
	# makes a step of some 50 objects.
	objects = objects ? objects : 64
	slack["rss_kb"] = rss_kb ? rss_kb : 256; slack["heap_objects"] = objects; slack["mappings"] = mappings ? mappings : 2; slack["threads"] = 1; slack["heap_bytes"] = 16384 + 500 * (objects - 64); slack["other_sys"] = 262144; slack["host_malloc"] = 1024
	first = int((rows + 3) / 4); last = rows - first + 1
	for (i = 2; i <= n; i++) {
		worst = best = ""
		for (r = 1; r <= first; r++)
			if (worst == "" || v[r, i] > worst) worst = v[r, i]
		for (r = last; r <= rows; r++)
			if (best == "" || v[r, i] < best) best = v[r, i]
		if (best > worst + slack[name[i]]) {
			printf "%s has grown from %d to %d\n", name[i], worst, best
			bad = 1
		}
	}
	exit bad
}
