// An UART transmitter that sends a counter: small enough to be synthesised in a moment.
module counter #(
    parameter DIVIDER = 104
) (
    input  wire       clk,
    input  wire       rst,
    output reg        tx,
    output reg  [7:0] count
);
    reg [6:0] baud;
    reg [3:0] bit_index;
    reg [9:0] frame;
    wire      tick = baud == DIVIDER - 1;

    always @(posedge clk) begin
        if (rst) begin
            baud      <= 0;
            bit_index <= 0;
            frame     <= 10'h3ff;
            count     <= 0;
            tx        <= 1;
        end else begin
            baud <= tick ? 0 : baud + 1;
            if (tick) begin
                if (bit_index == 0) begin
                    frame     <= {1'b1, count, 1'b0};
                    count     <= count + 1;
                    bit_index <= 10;
                end else begin
                    tx        <= frame[0];
                    frame     <= {1'b1, frame[9:1]};
                    bit_index <= bit_index - 1;
                end
            end
        end
    end
endmodule
