// Thumbnails makes small copies of images in worker processes: an image that crashes its decoder, or takes
// for ever, costs one worker and not the program.
//
//	go run ./examples/thumbnails FOLDER IMAGE...
package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// Job is what a worker is told, Thumb what it answers. They travel as MessagePack.
type Job struct{ From, To string }
type Thumb struct {
	File          string
	Width, Height int
}

var thumbnail = pool.Register(makeThumbnail)

func main() { spawn.Main(run) } // in a worker process run is never reached

func run(ctx context.Context) error {
	if slices.Contains(os.Args[1:], "--help") {
		fmt.Println("usage: thumbnails FOLDER IMAGE...\nWrites a small copy of each IMAGE to FOLDER.")
		return nil
	}
	if len(os.Args) < 3 {
		return errors.New("give a folder for the output and the images: thumbnails FOLDER IMAGE")
	}
	if err := checkNames(os.Args[2:]); err != nil {
		return err
	}
	if err := os.MkdirAll(os.Args[1], 0o755); err != nil {
		return err
	}
	p, err := pool.New(ctx, &pool.Options{TaskTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer p.Close()

	failed := 0
	for thumb, err := range thumbnail.IMap(ctx, p, jobs(os.Args[1], os.Args[2:])).All() {
		var lost *pool.WorkerLostError
		switch {
		case errors.As(err, &lost):
			failed++
			fmt.Println("crashed the worker:", err) // the pool has started another
		case err != nil: // also pool.ErrTaskTimeout: the worker was killed if it did not give up by itself
			failed++
			fmt.Println("failed:", err)
		default:
			fmt.Printf("%s: %d x %d\n", thumb.File, thumb.Width, thumb.Height)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d images failed", failed, len(os.Args)-2)
	}
	return p.Shutdown(ctx)
}

// jobs yields a Job for each image. It could as well be endless: it is read only as fast as results are taken.
func jobs(folder string, images []string) iter.Seq[Job] {
	return func(yield func(Job) bool) {
		for _, name := range images {
			if !yield(Job{From: name, To: filepath.Join(folder, thumbName(name))}) {
				return
			}
		}
	}
}

func thumbName(image string) string { return filepath.Base(image) + ".thumb.png" }

// checkNames refuses images of which one would overwrite what another became.
func checkNames(images []string) error {
	from := map[string]string{}
	for _, name := range images {
		switch before, taken := from[thumbName(name)]; {
		case !taken:
			from[thumbName(name)] = name
		case filepath.Clean(before) == filepath.Clean(name):
			return fmt.Errorf("%s is given twice", name)
		default:
			return fmt.Errorf("%s and %s would both become %s", before, name, thumbName(name))
		}
	}
	return nil
}

// makeThumbnail runs in a worker.
func makeThumbnail(_ context.Context, j Job) (Thumb, error) {
	in, err := os.Open(j.From)
	if err != nil {
		return Thumb{}, err
	}
	defer in.Close()
	if info, err := in.Stat(); err == nil && info.IsDir() {
		return Thumb{}, fmt.Errorf("%s is a folder", j.From)
	}
	picture, _, err := image.Decode(in)
	if err != nil {
		return Thumb{}, fmt.Errorf("%s: %w", j.From, err)
	}
	small := shrink(picture, 64)
	out, err := os.Create(j.To)
	if err != nil {
		return Thumb{}, err
	}
	if err := errors.Join(png.Encode(out, small), out.Close()); err != nil {
		return Thumb{}, err
	}
	return Thumb{File: j.To, Width: small.Bounds().Dx(), Height: small.Bounds().Dy()}, nil
}

// shrink scales a picture so that its longer side is at most size.
func shrink(from image.Image, size int) image.Image {
	b := from.Bounds()
	longer := max(b.Dx(), b.Dy(), 1)
	w, h := max(1, b.Dx()*size/longer), max(1, b.Dy()*size/longer)
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			to.Set(x, y, from.At(b.Min.X+x*b.Dx()/w, b.Min.Y+y*b.Dy()/h))
		}
	}
	return to
}
