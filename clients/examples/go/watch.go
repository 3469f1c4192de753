// Follows the decisions about customers, and loses none: it keeps its place in a file, and goes on from there after a restart, its own or
// gridgate's. docs/WATCH.md explains each step.
//
//	watch ADDRESS FILE [CUSTOMER_ID...]      HEARTBEAT is the interval in seconds, 15 by default
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	pb "gridgate/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const maxBackoff = 10 * time.Second

var heartbeat = 15 * time.Second

// handle is where your own work goes. After a crash it may get the last change again: event ids tell.
func handle(customerID, status string, isDecision bool) {
	fmt.Println(customerID, status, isDecision)
}

// keep replaces the file in one step: whenever this is killed, one of the two is whole.
func keep(file, token string) error {
	if err := os.WriteFile(file+".new", []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// watch makes one call, and returns whether there is anything left to watch.
func watch(address, file string, customerIDs []string) (bool, error) {
	ctx, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	connection, err := grpc.DialContext(ctx, address, grpc.WithInsecure())
	if err != nil {
		return true, err
	}
	defer connection.Close()

	request := &pb.WatchKycStatusRequest{
		CustomerIds: customerIDs, WithSnapshot: true, HeartbeatInterval: durationpb.New(heartbeat),
	}
	if token, err := os.ReadFile(file); err == nil {
		request.Start = &pb.WatchKycStatusRequest_ResumeToken{ResumeToken: string(token)}
	}
	// After three silent heartbeats the server is gone, whatever the connection says.
	silence := time.AfterFunc(3*heartbeat, func() {
		log.Println("no sign of life")
		hangUp()
	})
	defer silence.Stop()
	stream, err := pb.NewKycEventServiceClient(connection).WatchKycStatus(ctx, request)
	if err != nil {
		return true, err
	}
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return true, nil
		} else if err != nil {
			return true, err
		}
		silence.Reset(3 * heartbeat)
		switch event := response.Event.(type) {
		case *pb.WatchKycStatusResponse_StatusChange:
			handle(event.StatusChange.CustomerId, event.StatusChange.StatusRaw, event.StatusChange.IsDecision)
		case *pb.WatchKycStatusResponse_SnapshotEntry:
			if customer := event.SnapshotEntry.GetCustomer(); customer != nil {
				handle(customer.CustomerId, customer.StatusRaw, customer.IsDecision)
			}
		case *pb.WatchKycStatusResponse_GoingAway:
			if event.GoingAway.Reason == pb.GoingAwayReason_GOING_AWAY_REASON_DECIDED {
				return false, nil
			}
		}
		// After the work, and for every response: heartbeats move the place too.
		if err := keep(file, response.ResumeToken); err != nil {
			return false, err
		}
	}
}

// passes says whether the next call may succeed.
func passes(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.Canceled, codes.DeadlineExceeded, codes.Internal, codes.Unknown:
		return true
	}
	return false
}

// details returns gridgate's own word for an error, and the fields that are wrong.
func details(err error) (reason string, violations []string) {
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				violations = append(violations, violation.Field+": "+violation.Description)
			}
		}
	}
	return reason, violations
}

func main() {
	address, file, customerIDs := os.Args[1], os.Args[2], os.Args[3:]
	if interval, err := strconv.Atoi(os.Getenv("HEARTBEAT")); err == nil {
		heartbeat = time.Duration(interval) * time.Second
	}
	backoff := maxBackoff / 64
	for {
		began := time.Now()
		more, err := watch(address, file, customerIDs)
		if !more && err == nil {
			return
		}
		if err != nil {
			reason, violations := details(err)
			log.Println(status.Code(err), reason, strings.Join(violations, "; "))
			if reason == "RESUME_TOKEN_EXPIRED" || reason == "RESUME_TOKEN_FOREIGN" {
				log.Println("beginning with a snapshot: changes before it may have been missed")
				os.Remove(file)
			} else if !more || !passes(status.Code(err)) {
				os.Exit(1)
			}
		}
		if backoff *= 2; backoff > maxBackoff {
			backoff = maxBackoff
		}
		if time.Since(began) > 30*time.Second {
			backoff = maxBackoff / 64
		}
		// All of it at random: not everybody comes back at once.
		time.Sleep(time.Duration(rand.Int63n(int64(backoff))))
	}
}
