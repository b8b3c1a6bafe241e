// A bank of FIR filters behind a round-robin bus, simulated for its waveform: the kind
// of text an EDA tool writes by the gigabyte. Everything is derived from LFSRs with
// fixed seeds, so the waveform is the same on every run.
`timescale 1ns / 1ps

module lfsr #(parameter [31:0] SEED = 32'h1) (input clk, input rst, output reg [31:0] state);
    always @(posedge clk)
        if (rst) state <= SEED;
        else state <= {state[30:0], state[31] ^ state[21] ^ state[1] ^ state[0]};
endmodule

module fir #(parameter TAPS = 8) (
    input clk, input rst, input valid,
    input signed [15:0] sample,
    output reg signed [35:0] sum
);
    reg signed [15:0] delay [0:TAPS-1];
    reg signed [15:0] tap0, tap1, tap2;
    reg signed [35:0] partial;
    integer i;
    always @(posedge clk)
        if (rst) begin
            for (i = 0; i < TAPS; i = i + 1) delay[i] <= 0;
            sum <= 0; tap0 <= 0; tap1 <= 0; tap2 <= 0;
        end else if (valid) begin
            delay[0] <= sample;
            for (i = 1; i < TAPS; i = i + 1) delay[i] <= delay[i-1];
            tap0 <= delay[0]; tap1 <= delay[1]; tap2 <= delay[2];
            partial = 0;
            for (i = 0; i < TAPS; i = i + 1)
                partial = partial + delay[i] * $signed(16'd37 * (i + 1));
            sum <= partial;
        end
endmodule

module channel #(parameter [31:0] SEED = 32'h1, parameter integer NUMBER = 0) (
    input clk, input rst, input [4:0] slot, output signed [35:0] sum, output reg overflow
);
    wire [31:0] noise;
    reg signed [15:0] phase, sample;
    reg [7:0] queue_depth;
    wire valid = slot == NUMBER || noise[3:0] == 4'd5;
    lfsr #(.SEED(SEED)) source (.clk(clk), .rst(rst), .state(noise));
    fir filter (.clk(clk), .rst(rst), .valid(valid), .sample(sample), .sum(sum));
    always @(posedge clk)
        if (rst) begin
            phase <= NUMBER * 1000; sample <= 0; queue_depth <= 0; overflow <= 0;
        end else if (valid) begin
            phase <= phase + 16'sd411;
            sample <= phase + $signed({{8{noise[7]}}, noise[7:0]});
            queue_depth <= queue_depth + noise[1:0] - (queue_depth != 0 ? 2'd2 : 2'd0);
            overflow <= queue_depth > 8'd200;
        end
endmodule

module bench;
    localparam integer CHANNELS = 32;
    reg clk = 0, rst = 1;
    reg [4:0] slot = 0;
    wire [CHANNELS-1:0] overflow;
    reg [1023:0] path;
    integer cycles;

    always #5 clk = ~clk;
    always @(posedge clk) slot <= slot + 1'b1;

    genvar n;
    generate
        for (n = 0; n < CHANNELS; n = n + 1) begin : lane
            wire signed [35:0] sum;
            channel #(.SEED(32'h9e3779b9 * (n + 1)), .NUMBER(n)) unit (
                .clk(clk), .rst(rst), .slot(slot), .sum(sum), .overflow(overflow[n]));
        end
    endgenerate

    initial begin
        if (!$value$plusargs("vcd=%s", path) || !$value$plusargs("cycles=%d", cycles)) begin
            $display("usage: +vcd=FILE +cycles=N");
            $finish;
        end
        $dumpfile(path);
        $dumpvars(0, bench);
        repeat (4) @(posedge clk);
        rst <= 0;
        repeat (cycles) @(posedge clk);
        $finish;
    end
endmodule
