package integration

// cpythonVersions are those whose tests the tables below were made for.
var cpythonVersions = []string{"3.11", "3.12", "3.13"}

// Why a case of CPython's is not simply run, and has to pass.
const (
	theirs  = iota + 1 // it is not run: it says nothing about a manager, or needs what a Go program cannot have
	skipped            // CPython skips it with a manager
	slow               // it is not run with -short
	differs            // it is run, and has to fail
)

// A cpythonException is a case that is not run or not expected to pass.
type cpythonException struct {
	kind int
	want string // where it differs, what CPython has to say then
	why  string
}

// runs reports whether the case is to be run at all. The zero exception is none.
func (e cpythonException) runs(short bool) bool {
	return e.kind != theirs && (e.kind != slow || !short)
}

// A cpythonClass is a class of test._test_multiprocessing that is run against our manager.
type cpythonClass struct {
	name       string
	exceptions map[string]cpythonException
	left       int // how many objects are in the manager at the end
}

const notForManagers = "CPython has it for queues and barriers without a manager alone"

var cpythonClasses = []cpythonClass{
	{name: "_TestQueue", exceptions: map[string]cpythonException{
		"test_closed_queue_put_get_exceptions":    {kind: theirs, why: "it is about queues without a manager"},
		"test_no_import_lock_contention":          {kind: theirs, why: "it is about queues without a manager"},
		"test_timeout":                            {kind: theirs, why: "it is about queues without a manager"},
		"test_queue_feeder_donot_stop_onexc":      {kind: skipped, why: notForManagers},
		"test_queue_feeder_on_queue_feeder_error": {kind: skipped, why: notForManagers},
	}},
	{name: "_TestLock"},
	{name: "_TestSemaphore"},
	{name: "_TestCondition", exceptions: map[string]cpythonException{
		"test_wait_result": {kind: slow, why: "it sleeps for a second"},
	}},
	{name: "_TestEvent"},
	{name: "_TestBarrier", exceptions: map[string]cpythonException{
		"test_thousand":        {kind: skipped, why: notForManagers},
		"test_timeout":         {kind: slow, why: "it sleeps for seconds"},
		"test_default_timeout": {kind: slow, why: "it sleeps for seconds"},
	}},
	{name: "_TestValue", exceptions: map[string]cpythonException{
		"test_rawvalue":       {kind: theirs, why: "it is about memory that is shared without a manager"},
		"test_getobj_getlock": {kind: theirs, why: "a manager's value has no lock of its own, in CPython either"},
	}},
	{name: "_TestArray", exceptions: map[string]cpythonException{
		"test_rawarray":           {kind: theirs, why: "it is about memory that is shared without a manager"},
		"test_getobj_getlock_obj": {kind: theirs, why: "a manager's array has no lock of its own, in CPython either"},
	}},
	{name: "_TestContainers", left: 1 /* a list that contains itself */, exceptions: map[string]cpythonException{
		"test_dict_iter": {
			kind: differs, want: "RuntimeError not raised by next",
			why: "to iterate is to go over what was there at the beginning, whatever changes meanwhile",
		},
	}},
	{name: "TestSyncManagerTypes", exceptions: map[string]cpythonException{
		"test_lock": {
			kind: differs, want: "RuntimeError: not held here",
			why: "the lock of a process that has ended is free, and nobody else can release it",
		},
		"test_bounded_semaphore": {
			kind: differs, want: "ValueError: released more often than acquired",
			why: "the unit of a process that has ended is back already",
		},
		"test_joinable_queue": {
			kind: differs, want: "assert o.empty()",
			why: "what a process has got and not done when it ends is in the queue again",
		},
		"test_pool": {kind: theirs, why: "a pool in a manager runs functions of Go; see cpythonClassesNotRun"},
	}},
	{name: "TestInitializers"},
}

// cpythonClassesNotRun are the other classes that CPython runs with managers: programs of Go check the same facts.
var cpythonClassesNotRun = map[string]string{
	"_TestPool":              "a pool in a manager runs functions of Go: pool/cpython_hosted_test.go",
	"_TestMyManager":         "it registers classes of Python: cpython_manager_test.go",
	"_TestRemoteManager":     "it registers a queue of Python and speaks XML-RPC: cpython_manager_test.go",
	"_TestManagerRestart":    "it starts managers of Python: cpython_manager_test.go",
	"_TestManagerExceptions": "it looks for cycles among Python's exceptions, which Go's garbage collector does not mind",
}
