// Package multiproctest breaks processes in tests, and finds what a test has left: for the tests of programs that use this
// module, and for the module's own.
//
//	func TestMain(m *testing.M) { multiproctest.Main(m) }
//
//	var resize = multiproctest.Register("resize under test", resizeImage) // what the program has with pool.Register
//
//	func TestAKilledWorkerLosesOneImage(t *testing.T) {
//		multiproctest.CheckNothingLeft(t)
//		p, err := pool.New(t.Context(), &pool.Options{Workers: 4})
//		...
//		resize.Kill(t, 3) // the worker of the third image to begin
//		_, err = resize.Map(t.Context(), p, images)
//		... // one of the errors is a *pool.WorkerLostError
//	}
//
// # Faults
//
// A [Task] is a function of a pool that can be told what is to happen to the worker that begins its n-th task: it is killed,
// exits, is stopped, or the task is delayed. The counting is the same for all workers of the test, whenever they started.
// A task's fault that never comes fails the test. [DelayStarts] and [FailStarts] are for children that start. [Kill], [Freeze] and
// [KillManager] are for processes that the test knows: a *spawn.Process, a manager's process, one of the [Workers] of a pool.
//
// # What is left
//
// [CheckNothingLeft] compares what there is at the end of a test with what there was at its call: processes, goroutines,
// descriptors, mapped memory, folders of sockets. [CheckManagerEmpty] asks a manager for objects and messages. [Main] looks
// once more when all tests have run.
//
// # Concurrency, errors
//
// All functions are safe for concurrent use, but CheckNothingLeft would take for left what tests that run in parallel to it
// have. Faults are reported to the test; what waits for something does so for at most [Patience]. Nothing here is for
// programs: the package imports testing.
//
// Processes are looked at by /proc. Where there is none, only goroutines and folders are compared.
package multiproctest
