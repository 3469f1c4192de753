import com.google.protobuf.Any;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.BadRequest;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.gridgate.v1.Address;
import io.gridgate.v1.AgreementConsent;
import io.gridgate.v1.CreateCustomerRequest;
import io.gridgate.v1.CustomerEdd;
import io.gridgate.v1.CustomerServiceGrpc;
import io.gridgate.v1.CustomerType;
import io.gridgate.v1.FieldErrors;
import io.gridgate.v1.GetCustomerRequest;
import io.gridgate.v1.IndividualInput;
import java.util.concurrent.TimeUnit;

/** Creates a full customer, reads it back, and reads the violations of a bad one. Prints each message as JSON on a line. */
public final class Roundtrip {
    private static CreateCustomerRequest fullCustomer(String name) {
        Address address = Address.newBuilder().setLine1("123 Main Street").setLine2("Apt 4B").setCity("San Francisco")
                .setState("CA").setPostalCode("94105").setCountry("US").build();
        CustomerEdd edd = CustomerEdd.newBuilder().addSourceOfFundsCategories("SALARY").addSourceOfFundsCategories("OTHER")
                .setSourceOfFundsOtherDescription("lottery").setPepStatus("NONE").build();
        IndividualInput individual = IndividualInput.newBuilder().setFullName("Jane Döe").setBirthDate("1992-03-25")
                .setNationality("US").setIdType("SSN").setIdentifier("123-45-6789").setCountryOfIssuance("US").setEdd(edd).build();
        AgreementConsent consent = AgreementConsent.newBuilder().setType("LIGHTSPARK_END_USER_TERMS")
                .setAcceptedAt(Timestamp.newBuilder().setSeconds(1768487400).setNanos(500000000)).setIpAddress("203.0.113.7")
                .setTermsVersion("2025-10-13").setAcceptanceMethod("CHECKBOX").build();
        return CreateCustomerRequest.newBuilder().setPlatformCustomerId(name)
                .setCustomerType(CustomerType.CUSTOMER_TYPE_INDIVIDUAL).setRegion("US").addCurrencies("USD")
                .setEmail("jane@example.com").setPhoneNumber("+14155551234").setUmaAddress("$" + name + "@uma.example.com")
                .setAddress(address).setIndividual(individual).addAgreementConsents(consent).build();
    }

    private static void show(MessageOrBuilder message) throws Exception {
        System.out.println(JsonFormat.printer().omittingInsignificantWhitespace().print(message));
    }

    public static void main(String[] args) throws Exception {
        ManagedChannel channel = ManagedChannelBuilder.forTarget(args[0]).usePlaintext().build();
        CustomerServiceGrpc.CustomerServiceBlockingStub customers =
                CustomerServiceGrpc.newBlockingStub(channel).withDeadlineAfter(20, TimeUnit.SECONDS);
        String id = customers.createCustomer(fullCustomer(args[1])).getCustomer().getId();
        show(customers.getCustomer(GetCustomerRequest.newBuilder().setCustomerId(id).build()).getCustomer());
        try {
            IndividualInput bad = IndividualInput.newBuilder().setBirthDate("nonsense").build();
            customers.createCustomer(CreateCustomerRequest.newBuilder().setEmail("x").setIndividual(bad).build());
        } catch (StatusRuntimeException refused) {
            for (Any detail : StatusProto.fromThrowable(refused).getDetailsList()) {
                if (detail.is(BadRequest.class)) {
                    show(detail.unpack(BadRequest.class));
                } else if (detail.is(FieldErrors.class)) {
                    show(detail.unpack(FieldErrors.class));
                }
            }
        }
        channel.shutdownNow();
    }
}
