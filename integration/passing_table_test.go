package integration

import (
	"strconv"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
)

// inContainers are the moments of what is passed through a queue or another object: the names of the two orders.
var inContainers = map[string]func(s *scene, send, take string){
	"the sender lets go": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		sender.order(send)
		sender.order("drop")
		receiver.order(take)
		receiver.order("use")
	},
	"the sender is killed while it sends": func(s *scene, send, _ string) {
		sender, _ := s.pair()
		signalTo(s.t, s.m.Process().PID(), stop)
		sender.tell(send)
		sender.signal(kill)
		signalTo(s.t, s.m.Process().PID(), cont)
		s.alone(1)
	},
	"the sender is killed after it": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		sender.order(send)
		sender.signal(kill)
		s.alone(1)
		receiver.order(take)
		receiver.order("use")
	},
	"the sender is killed while the receiver takes it": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		sender.order(send)
		receiver.signal(stop)
		receiver.tell(take)
		sender.signal(kill)
		s.alone(1)
		receiver.signal(cont)
		if answer := must(receiver.pipe.Receive()); len(answer) != 0 {
			s.t.Errorf("%s: %s", take, answer)
		}
		receiver.order("use")
	},
	"the sender is killed while the receiver has it": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		sender.order(send)
		receiver.order(take)
		sender.signal(kill)
		s.alone(1)
		receiver.order("use")
	},
	"the receiver is killed before it reads": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		if take == "get" { // it waits, and is handed the item when it cannot read it
			receiver.tell(take)
			s.eventually("it waits", func(i *manager.Info) bool { return len(i.Objects[0].Waiters) == 1 })
			receiver.signal(stop)
			sender.order(send)
			sender.order("drop")
		} else {
			sender.order(send)
			sender.order("drop")
			receiver.tell(take)
		}
		receiver.signal(kill)
		s.alone(1)
		if take == "get" { // it comes back
			sender.order(take)
			sender.order("use")
		}
	},
	"the receiver is killed after it has read": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		sender.order(send)
		sender.order("drop")
		receiver.order(take)
		receiver.signal(kill)
	},
	"the receiver is killed while it has it": func(s *scene, send, take string) {
		sender, receiver := s.pair()
		sender.order(send)
		receiver.order(take)
		receiver.order("use")
		receiver.signal(kill)
		s.alone(1)
		sender.order("use")
	},
}

// descend has a sender start the receiver with the cargo in its argument. It dies with its parent.
func (s *scene) descend() (sender, receiver *role) {
	ours, theirs := must2(spawn.Pipe())
	s.t.Cleanup(func() { ours.Close() })
	sender = s.enter(theirs)
	sender.order("make")
	return sender, &role{s.t, 0, ours}
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

func startIn(sender, receiver *role) {
	receiver.pid = must(strconv.Atoi(sender.order("start")))
}

// inArguments are the moments of what is in a process's argument.
var inArguments = map[string]func(s *scene){
	"the sender lets go": func(s *scene) {
		sender, receiver := s.descend()
		startIn(sender, receiver)
		sender.order("drop")
		receiver.order("use")
	},
	"the sender is killed while it sends": func(s *scene) {
		sender, _ := s.descend()
		signalTo(s.t, s.m.Process().PID(), stop)
		sender.tell("start")
		sender.signal(kill)
		signalTo(s.t, s.m.Process().PID(), cont)
	},
	"the sender is killed while the receiver takes it": func(s *scene) {
		sender, _ := s.descend()
		sender.tell("start")
		s.eventually("it has been held for the receiver", func(i *manager.Info) bool { return i.InTransit > 0 || len(i.Sessions) == 3 })
		sender.signal(kill)
	},
	"the sender is killed after it": func(s *scene) {
		sender, receiver := s.descend()
		startIn(sender, receiver)
		sender.signal(kill)
	},
	"the receiver is killed after it has read": func(s *scene) {
		sender, receiver := s.descend()
		startIn(sender, receiver)
		sender.order("drop")
		receiver.signal(kill)
	},
	"the receiver is killed while it has it": func(s *scene) {
		sender, receiver := s.descend()
		startIn(sender, receiver)
		receiver.order("use")
		receiver.signal(kill)
		s.alone(1)
		sender.order("use")
	},
}

// hire has an actor start a pool of one worker.
func (s *scene) hire() (parent, worker *role) {
	parent = s.enter(nil)
	parent.order("make")
	return parent, &role{s.t, must(strconv.Atoi(parent.order("hire"))), nil}
}

func (s *scene) begun() {
	s.t.Helper()
	if err := s.props.Begun.Wait(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) open() {
	s.t.Helper()
	if err := s.props.Gate.Set(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// inTasks are the moments of what is in a task's argument: the worker is the receiver, and dies with its parent.
var inTasks = map[string]func(s *scene){
	"the sender lets go": func(s *scene) {
		parent, worker := s.hire()
		worker.signal(stop)
		parent.order("submit")
		parent.order("drop")
		worker.signal(cont)
		s.open()
		parent.order("collect")
	},
	"the sender is killed while it sends": func(s *scene) {
		parent, _ := s.hire()
		signalTo(s.t, s.m.Process().PID(), stop)
		parent.tell("submit")
		parent.signal(kill)
		signalTo(s.t, s.m.Process().PID(), cont)
	},
	"the sender is killed after it": func(s *scene) {
		parent, worker := s.hire()
		worker.signal(stop)
		parent.order("submit")
		parent.signal(kill)
		worker.signal(cont)
	},
	"the sender is killed while the receiver has it": func(s *scene) {
		parent, _ := s.hire()
		parent.order("submit")
		s.begun()
		parent.signal(kill)
	},
	"the receiver is killed before it reads": func(s *scene) {
		parent, worker := s.hire()
		worker.signal(stop)
		parent.order("submit")
		parent.order("drop")
		worker.signal(kill)
		s.open()
		parent.order("collect") // another worker has taken it up
	},
	"the receiver is killed while it has it": func(s *scene) {
		parent, worker := s.hire()
		parent.order("submit")
		s.begun()
		worker.signal(kill)
		parent.tell("collect")
		if answer := must(parent.pipe.Receive()); len(answer) == 0 {
			s.t.Error("the task of a worker that was killed has succeeded")
		}
		parent.order("use")
	},
}

// resultIsOnItsWay tells whether the newest object, which a task has made, is referred to by a message.
func resultIsOnItsWay(i *manager.Info) bool {
	made := i.Objects[len(i.Objects)-1]
	return made.References > len(made.Sessions)
}

// inResults are the moments of what is in a task's result: the worker is the sender.
var inResults = map[string]func(s *scene){
	"the sender is killed while it sends": func(s *scene) {
		parent, worker := s.hire()
		parent.order("ask")
		s.begun()
		worker.signal(kill)
		parent.tell("collect")
		if answer := must(parent.pipe.Receive()); len(answer) == 0 {
			s.t.Error("the task of a worker that was killed has succeeded")
		}
	},
	"the sender is killed after it": func(s *scene) {
		parent, worker := s.hire()
		parent.order("ask")
		s.begun()
		parent.signal(stop)
		s.open()
		s.eventually("the result is on its way", resultIsOnItsWay)
		worker.signal(kill)
		parent.signal(cont)
		parent.tell("collect")
		switch answer := string(must(parent.pipe.Receive())); {
		case answer == "": // the result had left
			parent.order("use")
		case strings.Contains(answer, manager.ErrNoSuchObject.Error()):
			s.t.Errorf("the result has arrived, and its proxy not: %s", answer)
		}
	},
	"the sender is killed while the receiver has it": func(s *scene) {
		parent, worker := s.hire()
		parent.order("ask")
		s.open()
		parent.order("collect")
		worker.signal(kill)
		s.alone(2)
		parent.order("use")
	},
	"the receiver is killed before it reads": func(s *scene) {
		parent, _ := s.hire()
		parent.order("ask")
		s.begun()
		parent.signal(stop)
		s.open()
		s.eventually("the result is on its way", resultIsOnItsWay)
		parent.signal(kill)
	},
	"the receiver is killed after it has read": func(s *scene) {
		parent, _ := s.hire()
		parent.order("ask")
		s.open()
		parent.order("collect")
		parent.signal(kill)
	},
}

// Whatever way a proxy takes, and whoever dies at what moment: where the receiver lives its proxy is good, and nothing is
// left in the manager when everybody has gone.
func TestProxiesOnEachWayAtEachDeath(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some hundred processes")
	}
	ways := map[string]map[string]func(*scene){
		"a process's argument": inArguments, "a task's argument": inTasks, "a task's result": inResults,
		"a queue": {}, "another object": {},
	}
	for moment, run := range inContainers {
		ways["a queue"][moment] = func(s *scene) { run(s, "put", "get") }
		ways["another object"][moment] = func(s *scene) { run(s, "store", "fetch") }
	}
	for way, moments := range ways {
		for moment, run := range moments {
			t.Run(way+"/"+moment, func(t *testing.T) {
				t.Parallel()
				run(newScene(t))
			})
		}
	}
}
