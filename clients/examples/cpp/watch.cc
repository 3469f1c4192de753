// Follows the decisions about customers, and loses none: it keeps its place in a file, and goes on from there after a restart, its own or
// gridgate's. docs/WATCH.md explains each step.
//
//     watch ADDRESS FILE [CUSTOMER_ID...]      HEARTBEAT is the interval in seconds, 15 by default

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gridgate/v1/kyc_event_service.grpc.pb.h"

namespace watching {

using namespace gridgate::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

const seconds heartbeat(std::getenv("HEARTBEAT") ? std::stoi(std::getenv("HEARTBEAT")) : 15);
constexpr milliseconds max_backoff(10'000);

// Your own work goes here. After a crash it may get the last change again: event ids tell.
void handle(const std::string &customer_id, const std::string &status, bool is_decision) {
    std::cout << customer_id << ' ' << status << ' ' << std::boolalpha << is_decision << std::endl;
}

// Replaces the file in one step: whenever this is killed, one of the two is whole.
void keep(const std::string &file, const std::string &token) {
    std::ofstream fresh(file + ".new");
    fresh.exceptions(std::ios::failbit | std::ios::badbit);
    fresh << token;
    fresh.close();
    std::filesystem::rename(file + ".new", file);
}

WatchKycStatusRequest request(const std::string &file, const std::vector<std::string> &customer_ids) {
    WatchKycStatusRequest request;
    *request.mutable_customer_ids() = {customer_ids.begin(), customer_ids.end()};
    request.set_with_snapshot(true);
    request.mutable_heartbeat_interval()->set_seconds(heartbeat.count());
    if (std::ifstream kept(file); kept) {
        request.set_resume_token(std::string(std::istreambuf_iterator<char>(kept), {}));
    }
    return request;
}

// Does what a response asks for, and returns whether there is anything left to watch.
bool take(const WatchKycStatusResponse &response) {
    switch (response.event_case()) {
        case WatchKycStatusResponse::kStatusChange: {
            const auto &change = response.status_change();
            handle(change.customer_id(), change.status_raw(), change.is_decision());
            return true;
        }
        case WatchKycStatusResponse::kSnapshotEntry:
            if (response.snapshot_entry().has_customer()) {
                const auto &customer = response.snapshot_entry().customer();
                handle(customer.customer_id(), customer.status_raw(), customer.is_decision());
            }
            return true;
        case WatchKycStatusResponse::kGoingAway:
            return response.going_away().reason() != GOING_AWAY_REASON_DECIDED;
        default:
            return true;
    }
}

// Makes one call to its end. `more` says whether there is anything left to watch.
grpc::Status watch(const std::string &address, const std::string &file, const std::vector<std::string> &customer_ids, bool &more) {
    // A connection of its own: one that is dead is not used again.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    auto events = KycEventService::NewStub(channel);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    void *tag;
    bool ok = false;
    // Waits for the step under way. After three silent heartbeats the server is gone, whatever the connection says.
    auto done = [&] {
        if (queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + 3 * heartbeat) == grpc::CompletionQueue::TIMEOUT) {
            std::cerr << "no sign of life" << std::endl;
            context.TryCancel();
            queue.Next(&tag, &ok);
        }
        return ok;
    };
    auto stream = events->AsyncWatchKycStatus(&context, request(file, customer_ids), &queue, nullptr);
    WatchKycStatusResponse response;
    for (bool open = done(); open && more;) {
        stream->Read(&response, nullptr);
        if ((open = done())) {
            more = take(response);
            // After the work, and for every response: heartbeats move the place too.
            keep(file, response.resume_token());
        }
    }
    if (!more) context.TryCancel();
    grpc::Status status;
    stream->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return more ? status : grpc::Status::OK;
}

// The next call may succeed.
bool passes(grpc::StatusCode code) {
    const auto passing = {grpc::UNAVAILABLE, grpc::RESOURCE_EXHAUSTED, grpc::ABORTED, grpc::CANCELLED, grpc::DEADLINE_EXCEEDED,
                          grpc::INTERNAL, grpc::UNKNOWN};
    return std::find(passing.begin(), passing.end(), code) != passing.end();
}

// Says why a call failed, with the fields that are wrong, and returns gridgate's own word for it.
std::string say(const grpc::Status &error) {
    google::rpc::Status status;
    status.ParseFromString(error.error_details());
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    for (const auto &detail : status.details()) detail.UnpackTo(&info) || detail.UnpackTo(&bad_request);
    std::cerr << error.error_code() << ' ' << info.reason() << ' ' << error.error_message();
    for (const auto &violation : bad_request.field_violations()) {
        std::cerr << "; " << violation.field() << ": " << violation.description();
    }
    std::cerr << std::endl;
    return info.reason();
}

}  // namespace watching

int main(int count, char **arguments) {
    using namespace watching;
    const std::string address = arguments[1], file = arguments[2];
    const std::vector<std::string> customer_ids(arguments + 3, arguments + count);
    std::mt19937 random(std::random_device{}());
    milliseconds backoff = max_backoff / 64;
    for (bool more = true;;) {
        const auto began = Clock::now();
        const grpc::Status status = watch(address, file, customer_ids, more);
        if (!more) return 0;
        if (!status.ok()) {
            const std::string reason = say(status);
            if (reason == "RESUME_TOKEN_EXPIRED" || reason == "RESUME_TOKEN_FOREIGN") {
                std::cerr << "beginning with a snapshot: changes before it may have been missed" << std::endl;
                std::filesystem::remove(file);
            } else if (!passes(status.error_code())) {
                return 1;
            }
        }
        backoff = Clock::now() - began > seconds(30) ? max_backoff / 64 : std::min(2 * backoff, max_backoff);
        // All of it at random: not everybody comes back at once.
        std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution<>(0, backoff.count())(random)));
    }
}
