package bench

import "slices"

// catalogue is what is measured when nothing else is asked for.
func catalogue() []Workload {
	return slices.Concat(calls(), tasks(), processes(), locks(), workers())
}

func calls() []Workload {
	return []Workload{
		{"call", "a call on a shared value, one caller", microseconds, 4000, []system{
			{name: product, prepare: productCalls(1)},
			{name: "socket", prepare: socketCalls(1)},
			{name: netrpc, peer: netrpc, prepare: rpcCalls(1)},
			pythonDoes("call", 1),
		}},
		{"calls8", "calls on a shared value, 8 callers at once", thousands, 8000, []system{
			{name: product, times: 8, prepare: productCalls(callers)},
			{name: "socket", prepare: socketCalls(callers)},
			{name: netrpc, peer: netrpc, prepare: rpcCalls(callers)},
			pythonDoes("calls8", 1),
		}},
	}
}

func tasks() []Workload {
	return []Workload{
		{"map", "Map of 200,000 ints by 2 workers, no chunk size given", thousands, 200_000, []system{
			{name: product, prepare: productMap},
			{name: "channel", prepare: channelMap},
			pythonDoes("map", 1),
		}},
		{"stream", "tiny tasks one by one through 2 workers, results as they end", thousands, 30_000, []system{
			{name: product, times: 4, prepare: productStream(2)},
			{name: "channel", times: 10, prepare: channelStream},
			{name: netrpc, peer: netrpc, prepare: rpcStream},
			pythonDoes("stream", 1),
			{name: pond, peer: pond, times: 10, prepare: pondDoes("stream")},
		}},
		{"apply", "a task and its result, one at a time", microseconds, 3000, []system{
			{name: product, prepare: productApply},
			{name: "socket", prepare: socketCalls(1)},
			{name: netrpc, peer: netrpc, prepare: rpcApply},
			pythonDoes("apply", 1),
		}},
		{"echo", "64 payloads of 1 MiB to a process and back", gigabytes, 64, []system{
			{name: product, prepare: productEcho},
			{name: "socket", prepare: socketEcho},
			{name: "copy", prepare: copyEcho},
			{name: netrpc, peer: netrpc, prepare: rpcEcho},
			pythonDoes("echo", 1),
		}},
	}
}

func processes() []Workload {
	return []Workload{
		{"start", "a process from its start until it has answered", milliseconds, 10, []system{
			{name: product, prepare: productStart},
			{name: "re-exec", prepare: bareStart},
			{name: netrpc, peer: netrpc, prepare: rpcStart},
			pythonDoes("start", 1),
		}},
		{"pool-start", "8 workers from their start until each has answered", milliseconds, 1, poolOf8(true)},
		{"pool-stop", "a graceful stop of 8 workers", milliseconds, 1, poolOf8(false)},
	}
}

func locks() []Workload {
	return []Workload{
		{"lock", "lock and unlock, uncontended", microseconds, 4000, []system{
			{name: product, times: 100, prepare: productLock(1)},
			{name: "mutex", times: 1000, prepare: mutexLock},
			pythonDoes("lock", 1),
			pythonVariant("mp.Lock", "lock-native", 100),
		}},
		{"contended", "lock and unlock, 2 processes at once", thousands, 10_000, []system{
			{name: product, times: 50, prepare: productContended},
			{name: "mutex", times: 1000, prepare: mutexContended},
			pythonDoes("contended", 1),
			pythonVariant("mp.Lock", "contended-native", 50),
		}},
	}
}

func workers() []Workload {
	return []Workload{
		{"kill", "from the SIGKILL of a worker in mid-task until its caller has the error", milliseconds, 3, []system{
			{name: product, prepare: productKill},
			{name: "re-exec", prepare: bareKill},
			{name: netrpc, peer: netrpc, prepare: rpcKill},
			pythonDoes("kill", 1),
		}},
		{"memory", "proportional memory (PSS) of an idle worker, of 4", mebibytes, 1, []system{
			{name: product, prepare: productMemory},
			{name: "re-exec", prepare: bareMemory},
			{name: netrpc, peer: netrpc, prepare: rpcMemory},
			pythonDoes("memory", 1),
		}},
	}
}

// poolOf8 are the systems that start 8 workers and stop them; starting says which of the two is measured.
func poolOf8(starting bool) []system {
	name := "pool-stop"
	if starting {
		name = "pool-start"
	}
	return []system{
		{name: product, prepare: productPool(starting)},
		{name: "re-exec", prepare: barePool(starting)},
		{name: netrpc, peer: netrpc, prepare: rpcPool(starting)},
		pythonDoes(name, 1),
	}
}
