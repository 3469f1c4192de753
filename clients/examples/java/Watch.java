import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.gridgate.v1.CustomerKycStatus;
import io.gridgate.v1.GoingAwayReason;
import io.gridgate.v1.KycEventServiceGrpc;
import io.gridgate.v1.KycStatusChange;
import io.gridgate.v1.WatchKycStatusRequest;
import io.gridgate.v1.WatchKycStatusResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * Follows the decisions about customers, and loses none: it keeps its place in a file, and goes on from there after a restart, its own or
 * gridgate's. docs/WATCH.md explains each step.
 *
 * <pre>java Watch ADDRESS FILE [CUSTOMER_ID...]      HEARTBEAT is the interval in seconds, 15 by default</pre>
 */
public final class Watch {
    private static final long HEARTBEAT_SECONDS = Long.parseLong(System.getenv().getOrDefault("HEARTBEAT", "15"));
    private static final long MAX_BACKOFF_MILLIS = 10_000;
    /** The next call may succeed. */
    private static final Set<Status.Code> PASSING = EnumSet.of(Status.Code.UNAVAILABLE, Status.Code.RESOURCE_EXHAUSTED,
            Status.Code.ABORTED, Status.Code.CANCELLED, Status.Code.DEADLINE_EXCEEDED, Status.Code.INTERNAL, Status.Code.UNKNOWN);

    private final String address;
    private final Path file;
    private final List<String> customerIds;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();

    private Watch(String address, Path file, List<String> customerIds) {
        this.address = address;
        this.file = file;
        this.customerIds = customerIds;
    }

    /** Your own work goes here. After a crash it may get the last change again: event ids tell. */
    private static void handle(String customerId, String status, boolean isDecision) {
        System.out.println(customerId + " " + status + " " + isDecision);
    }

    /** Replaces the file in one step: whenever this is killed, one of the two is whole. */
    private void keep(String token) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.writeString(fresh, token);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Makes one call, and returns whether there is anything left to watch. */
    private boolean watch() throws IOException {
        WatchKycStatusRequest.Builder request = WatchKycStatusRequest.newBuilder().addAllCustomerIds(customerIds)
                .setWithSnapshot(true).setHeartbeatInterval(Duration.newBuilder().setSeconds(HEARTBEAT_SECONDS));
        if (Files.exists(file)) {
            request.setResumeToken(Files.readString(file));
        }
        ManagedChannel channel = ManagedChannelBuilder.forTarget(address).usePlaintext().build();
        Context.CancellableContext call = Context.current().withCancellation();
        Context before = call.attach();
        ScheduledFuture<?> silence = hangUpLater(call);
        try {
            Iterator<WatchKycStatusResponse> responses =
                    KycEventServiceGrpc.newBlockingStub(channel).watchKycStatus(request.build());
            while (responses.hasNext()) {
                silence.cancel(false);
                silence = hangUpLater(call);
                WatchKycStatusResponse response = responses.next();
                if (response.hasStatusChange()) {
                    KycStatusChange change = response.getStatusChange();
                    handle(change.getCustomerId(), change.getStatusRaw(), change.getIsDecision());
                } else if (response.getSnapshotEntry().hasCustomer()) {
                    CustomerKycStatus customer = response.getSnapshotEntry().getCustomer();
                    handle(customer.getCustomerId(), customer.getStatusRaw(), customer.getIsDecision());
                } else if (response.getGoingAway().getReason() == GoingAwayReason.GOING_AWAY_REASON_DECIDED) {
                    return false;
                }
                // After the work, and for every response: heartbeats move the place too.
                keep(response.getResumeToken());
            }
            return true;
        } finally {
            silence.cancel(false);
            call.detach(before);
            call.cancel(null);
            channel.shutdownNow();
        }
    }

    /** After three silent heartbeats the server is gone, whatever the connection says. */
    private ScheduledFuture<?> hangUpLater(Context.CancellableContext call) {
        return timer.schedule(() -> {
            System.err.println("no sign of life");
            call.cancel(null);
        }, 3 * HEARTBEAT_SECONDS, TimeUnit.SECONDS);
    }

    /** Says why a call failed, and throws what the next one cannot change. */
    private void recover(StatusRuntimeException error) throws IOException {
        String reason = "";
        StringBuilder violations = new StringBuilder();
        com.google.rpc.Status status = StatusProto.fromThrowable(error);
        for (Any detail : status == null ? List.<Any>of() : status.getDetailsList()) {
            if (detail.is(ErrorInfo.class)) {
                reason = unpack(detail, ErrorInfo.class).getReason();
            } else if (detail.is(BadRequest.class)) {
                unpack(detail, BadRequest.class).getFieldViolationsList().forEach(
                        violation -> violations.append(violation.getField()).append(": ").append(violation.getDescription()));
            }
        }
        System.err.println(error.getStatus().getCode() + " " + reason + " " + violations);
        if (reason.equals("RESUME_TOKEN_EXPIRED") || reason.equals("RESUME_TOKEN_FOREIGN")) {
            System.err.println("beginning with a snapshot: changes before it may have been missed");
            Files.deleteIfExists(file);
        } else if (!PASSING.contains(error.getStatus().getCode())) {
            throw error;
        }
    }

    private static <T extends com.google.protobuf.Message> T unpack(Any detail, Class<T> type) throws InvalidProtocolBufferException {
        return detail.unpack(type);
    }

    private void run() throws IOException, InterruptedException {
        long backoff = MAX_BACKOFF_MILLIS / 64;
        while (true) {
            long began = System.nanoTime();
            try {
                if (!watch()) {
                    return;
                }
            } catch (StatusRuntimeException error) {
                recover(error);
            }
            boolean lasted = System.nanoTime() - began > TimeUnit.SECONDS.toNanos(30);
            backoff = lasted ? MAX_BACKOFF_MILLIS / 64 : Math.min(2 * backoff, MAX_BACKOFF_MILLIS);
            // All of it at random: not everybody comes back at once.
            Thread.sleep(ThreadLocalRandom.current().nextLong(backoff));
        }
    }

    public static void main(String[] args) throws InterruptedException {
        Watch watch = new Watch(args[0], Path.of(args[1]), Arrays.asList(args).subList(2, args.length));
        try {
            watch.run();
        } catch (IOException | StatusRuntimeException error) {
            System.err.println(error.getMessage());
            System.exit(1);
        }
        watch.timer.shutdown();
    }
}
